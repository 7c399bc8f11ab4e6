"""What may hold a recovery's try that is due: a merchant's kill switches, and the check that a merchant runs."""
