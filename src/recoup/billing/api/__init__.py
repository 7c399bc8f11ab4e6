"""Plans, subscriptions, invoices and credit balances over HTTP."""

from recoup.billing.api.credit import CreditApi as CreditApi
from recoup.billing.api.invoices import InvoicesApi as InvoicesApi
from recoup.billing.api.periods import PeriodsApi as PeriodsApi
from recoup.billing.api.plans import PlansApi as PlansApi
from recoup.billing.api.subscriptions import SubscriptionsApi as SubscriptionsApi
