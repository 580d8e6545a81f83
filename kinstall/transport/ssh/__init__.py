"""A node over SSH: connections, logins and programs, with paramiko."""
