"""The progress of a run: its events folded, and the words that displays show. No I/O and no clock."""
