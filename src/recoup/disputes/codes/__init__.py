"""What the reason codes of card networks and the words of processors mean, each with its source."""
