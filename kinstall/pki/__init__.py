"""The cluster's keys on the operator's machine: kept, completed, renewed, and read back from a living cluster."""
