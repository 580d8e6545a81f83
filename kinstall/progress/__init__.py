"""Where a run stands: its events folded, and what people read of that. No I/O and no clock."""
