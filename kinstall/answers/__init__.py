"""The answers file: read, checked, written again, and described as a JSON Schema. Pure but for reading the file."""
