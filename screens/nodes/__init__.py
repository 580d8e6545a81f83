"""The step Nodes: a table, machines from elsewhere, and a probe."""
