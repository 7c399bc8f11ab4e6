"""SQL of what was tried without us."""
