"""What every step has: its order, its base, and what it may ask of the wizard."""
