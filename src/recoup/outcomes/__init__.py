"""What an answer means: approved, declined, unprocessed, unknown; and every decline classified."""
