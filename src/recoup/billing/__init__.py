"""Plans, subscriptions, invoices: what is billed again and again, on the day the money is there."""
