"""Facts of a node: the POSIX sh program that prints them, what they are, and the parser of what it prints."""
