"""What the card networks still allow for a card: tries left, and when the next one may be made."""
