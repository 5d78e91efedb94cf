"""Every decision of notifier. Values in, values out; no clock, no database, no random number, no log."""

from services.notifier.domain.answers import answer
from services.notifier.domain.contacts import claimed, propose, receipt, released, submitted, tracking
from services.notifier.domain.flow import meant
from services.notifier.domain.moment import Moment, NotPossible, Policy, Reaction
from services.notifier.domain.outcomes import (
    Accepted,
    Answered,
    Asked,
    Consented,
    Delivered,
    Failed,
    Receipt,
    Refused,
    Settled,
    Submission,
    Times,
    Tracked,
    Unknown,
)
from services.notifier.domain.promising import Limits, limits
from services.notifier.domain.settling import overrun, settle, withdrawn_before
from services.notifier.domain.state import Amounts, Borrower, Contact, Point, fresh
from services.notifier.domain.wishes import choose, consent, prefer, withdraw

__all__ = [
    "Accepted",
    "Amounts",
    "Answered",
    "Asked",
    "Borrower",
    "Consented",
    "Contact",
    "Delivered",
    "Failed",
    "Limits",
    "Moment",
    "NotPossible",
    "Point",
    "Policy",
    "Reaction",
    "Receipt",
    "Refused",
    "Settled",
    "Submission",
    "Times",
    "Tracked",
    "Unknown",
    "answer",
    "choose",
    "claimed",
    "consent",
    "fresh",
    "limits",
    "meant",
    "overrun",
    "prefer",
    "propose",
    "receipt",
    "released",
    "settle",
    "submitted",
    "tracking",
    "withdraw",
    "withdrawn_before",
]
