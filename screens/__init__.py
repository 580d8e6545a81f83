"""The wizard's screens: the only place that imports Textual. Its one product is an answers file."""
