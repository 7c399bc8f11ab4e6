"""What a dispute is, where it stands by all its news, and what follows: all that disputes think."""
