"""The days on which money is there."""
