"""The chart of accounts, the table of postings, and what news post: all that the ledger thinks."""

from recoup.ledger.core.chart import CHART as CHART
from recoup.ledger.core.chart import POSTINGS as POSTINGS
from recoup.ledger.core.chart import Account as Account
from recoup.ledger.core.chart import AccountKind as AccountKind
from recoup.ledger.core.chart import Side as Side
from recoup.ledger.core.chart import TransferKind as TransferKind
from recoup.ledger.core.news import Happened as Happened
from recoup.ledger.core.news import News as News
from recoup.ledger.core.news import PaymentNews as PaymentNews
from recoup.ledger.core.news import RefundNews as RefundNews
from recoup.ledger.core.news import read as read
from recoup.ledger.core.postings import FeeOf as FeeOf
from recoup.ledger.core.postings import Position as Position
from recoup.ledger.core.postings import posted as posted
from recoup.ledger.core.postings import unknown_fee as unknown_fee
from recoup.ledger.core.transfers import Cause as Cause
from recoup.ledger.core.transfers import Source as Source
from recoup.ledger.core.transfers import Transfer as Transfer
from recoup.ledger.core.transfers import balance_of as balance_of
from recoup.ledger.core.transfers import transfer as transfer
