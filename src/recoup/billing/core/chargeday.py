"""The charge day: at which moment, of those a customer agreed to, an invoice is best charged, and why."""
