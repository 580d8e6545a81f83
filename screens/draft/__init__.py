"""The answers under work: a draft, and the files that it is kept in."""
