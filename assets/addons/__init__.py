"""What runs in the cluster for everybody: objects that are applied once its API answers."""
