"""Whether the borrower may be visited at work: as the bank recorded it, or by a consent that notifier was told."""

from datetime import datetime

from schemas.changing import replace
from services.visits.domain.state import Borrower, Consent

KEPT = 20
"""So many consents are remembered at most; who gives more loses the oldest."""


def allowed(borrower: Borrower, now: datetime) -> bool:
    """True while any consent to be visited at work stands."""
    profile = borrower.profile
    by_bank = (Consent("", profile.workplace_until),) if profile and profile.workplace else ()
    return any(_stands(consent, now) for consent in (*by_bank, *borrower.at_work))


def consented(borrower: Borrower, consent: Consent, now: datetime) -> Borrower:
    """The borrower allows it. What was planned at home stays as it is."""
    others = tuple(c for c in borrower.at_work if c.consent_id != consent.consent_id and _stands(c, now))
    return replace(borrower, at_work=(*others, consent)[-KEPT:])


def withdrawn(borrower: Borrower, consent_id: str) -> Borrower:
    """The borrower takes it back. The gate takes back the permits that rested on it, and visits go with them."""
    return replace(borrower, at_work=tuple(c for c in borrower.at_work if c.consent_id != consent_id))


def _stands(consent: Consent, now: datetime) -> bool:
    return consent.until is None or consent.until > now
