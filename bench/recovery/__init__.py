"""Which policy wins back most of what was declined, by the world model."""
