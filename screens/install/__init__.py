"""The step Install: a run folded from its events, painted ten times a second."""
