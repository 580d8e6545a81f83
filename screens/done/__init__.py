"""The step Done: the last run's results, and how to go on."""
