"""What billing does, and in which order."""
