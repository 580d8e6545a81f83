"""Preflight: what a node and a cluster have to be before anything is changed."""
