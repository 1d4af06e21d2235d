"""What leaves the bundle."""
