"""SQL of settlements."""
