"""Who pays and with what: customers, payment methods, and cards that only their own merchant can read."""
