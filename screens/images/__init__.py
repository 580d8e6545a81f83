"""The step Images."""
