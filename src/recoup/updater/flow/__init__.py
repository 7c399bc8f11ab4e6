"""What can be done to keep cards new: hear processors, choose whom to ask about, ask, and take the answers."""

from recoup.updater.flow.asking import ASK, Asking, Exchange
from recoup.updater.flow.batches import Batches
from recoup.updater.flow.hearing import Hearing
from recoup.updater.flow.sealing import KeyUnusable, Recipient, opened

__all__ = ["ASK", "Asking", "Batches", "Exchange", "Hearing", "KeyUnusable", "Recipient", "opened"]
