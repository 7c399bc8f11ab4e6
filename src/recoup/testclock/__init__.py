"""A test merchant's own time, which can be moved forward; what is due on the way runs in order."""
