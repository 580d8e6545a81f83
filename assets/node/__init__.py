"""What runs on every node: kernel settings, the kubelet, kube-proxy."""
