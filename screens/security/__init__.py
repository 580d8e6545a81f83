"""The step Security."""
