"""What is due when, for how much, and on which day it is best charged: all that billing thinks."""
