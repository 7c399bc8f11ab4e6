"""SQL of the ledger: posting, reading, following, checking."""
