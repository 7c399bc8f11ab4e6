"""Reads reports, and judges what is found in them: all that settlements think."""
