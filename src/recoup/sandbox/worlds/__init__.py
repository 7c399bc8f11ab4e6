"""Worlds themselves: made, restarted, moved through time, counted, looked into and disturbed."""
