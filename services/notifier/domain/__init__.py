"""Every decision of notifier. Values in, values out; no clock, no database, no random number, no log."""

from services.notifier.domain.answers import answer
from services.notifier.domain.contacts import claimed, propose, receipt, released, settle, submitted, tracking
from services.notifier.domain.moment import Moment, NotPossible, Policy, Reaction
from services.notifier.domain.outcomes import (
    Accepted,
    Answered,
    Asked,
    Delivered,
    Failed,
    Receipt,
    Refused,
    Settled,
    Submission,
    Tracked,
    Unknown,
)
from services.notifier.domain.state import Amounts, Borrower, Contact, Point, fresh

__all__ = [
    "Accepted",
    "Amounts",
    "Answered",
    "Asked",
    "Borrower",
    "Contact",
    "Delivered",
    "Failed",
    "Moment",
    "NotPossible",
    "Point",
    "Policy",
    "Reaction",
    "Receipt",
    "Refused",
    "Settled",
    "Submission",
    "Tracked",
    "Unknown",
    "answer",
    "claimed",
    "fresh",
    "propose",
    "receipt",
    "released",
    "settle",
    "submitted",
    "tracking",
]
