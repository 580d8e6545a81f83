"""The container runtime: its configuration, its mirrors, its unit."""
