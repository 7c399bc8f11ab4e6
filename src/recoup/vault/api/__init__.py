"""Customers and payment methods over HTTP."""

from recoup.vault.api.customers import CustomersApi
from recoup.vault.api.methods import PaymentMethodsApi

__all__ = ["CustomersApi", "PaymentMethodsApi"]
