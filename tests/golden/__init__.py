"""What the examples of answers become: the files on their nodes and the plan, as text that a review can read.

`python -m tests.golden` writes them anew; tests/unit/plan/test_golden.py compares. Keys are made at random, so every
PEM stands in these files as a description of what it says, put in its place before anything is rendered: what is
derived from it (an annotation's digest, a kubeconfig) is then the same each time.
"""
