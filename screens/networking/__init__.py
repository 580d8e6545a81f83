"""The step Networking."""
