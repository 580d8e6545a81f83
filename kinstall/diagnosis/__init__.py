"""From a step that failed to a cause: what is collected on the node, and what it means."""
