"""Who owns everything else: tenants, their API keys, and their accounts at processors."""
