"""A history of payments and their tries, read line by line from what others export."""
