"""When a customer is asked, in which words, and what becomes of a message."""
