"""Win back what failed."""
