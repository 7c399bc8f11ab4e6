"""What is told of payments elsewhere, and what a plan is made from then."""
