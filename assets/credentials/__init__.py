"""Keys, certificates and kubeconfigs: which are required, how they are issued, who they are for."""
