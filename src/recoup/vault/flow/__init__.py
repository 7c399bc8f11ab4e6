"""What can be done with cards, payment methods and customers, in which order."""

from recoup.vault.flow.customers import Customers
from recoup.vault.flow.methods import PaymentMethods
from recoup.vault.flow.renewing import Renewing
from recoup.vault.flow.tokens import ProcessorTokens
from recoup.vault.flow.vault import Vault

__all__ = ["Customers", "PaymentMethods", "ProcessorTokens", "Renewing", "Vault"]
