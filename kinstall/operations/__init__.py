"""What can be done to a cluster, a module each: the path that every front end takes.

Everything here raises kinstall.errors only; nothing prints. Events go to a sink. Each operation begins where the one
before ends; `options.py` is what all of them take.
"""
