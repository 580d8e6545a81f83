"""The command line: a module per command, with a function of its name that takes the parsed arguments and returns an
exit code. No logic: what a command does is an operation."""
