"""Spec and PKI in, files out. Rendering does no I/O: the same inputs give the same bytes."""
