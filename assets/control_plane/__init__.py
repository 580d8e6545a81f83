"""The control plane: static pods that the kubelet of a control plane runs."""
