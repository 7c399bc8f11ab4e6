"""What an answer means: the answers a processor can give, what a decline is about, and what that leaves open.

`answers` holds the types, `classify` the reading of raw codes, `retry` what may be tried after a decline.
"""

from recoup.outcomes.codes.words import Advice, AdviceAction, Category, Hardness, Signal
from recoup.outcomes.core.answers import (
    ActionRequired,
    Approved,
    Checks,
    Decline,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Script,
    ScriptKind,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.outcomes.core.classify import Meaning, RawDecline, classify, declined, meaning
from recoup.outcomes.core.retry import (
    Verdict,
    another_processor,
    later,
    may_retry_later,
    may_try_another_processor,
)
from recoup.outcomes.core.tables import NETWORKS, PROCESSORS

__all__ = [
    "NETWORKS",
    "PROCESSORS",
    "ActionRequired",
    "Advice",
    "AdviceAction",
    "Approved",
    "Category",
    "Checks",
    "Decline",
    "Declined",
    "Done",
    "Evidence",
    "FollowUp",
    "FollowUpEvidence",
    "Hardness",
    "Meaning",
    "Outcome",
    "Pending",
    "RawDecline",
    "Refused",
    "Script",
    "ScriptKind",
    "Signal",
    "Unknown",
    "Unprocessed",
    "Verdict",
    "Withdrawn",
    "another_processor",
    "classify",
    "declined",
    "later",
    "may_retry_later",
    "may_try_another_processor",
    "meaning",
]
