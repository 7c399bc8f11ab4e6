"""Who is asked for the money, and who next."""
