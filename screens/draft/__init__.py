"""The answers being edited: a draft, and the files that it is kept in."""
