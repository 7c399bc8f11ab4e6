"""Asking the customer: messages about a payment that failed, and the page where they pay or give another card."""
