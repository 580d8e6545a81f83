"""The state folder: what kinstall keeps of a cluster on the operator's machine."""
