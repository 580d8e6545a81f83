"""What the kernel does with packets on behalf of the cluster, and who may come in."""
