"""SQL of routing."""
