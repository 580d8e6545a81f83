"""kinstall builds a Kubernetes cluster from scratch on an operator's own machines, over SSH."""

__version__ = "0.1.0"
