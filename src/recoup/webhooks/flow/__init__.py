"""What can be done with webhooks, in which order."""
