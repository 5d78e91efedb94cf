"""The life of an allowed contact: pending → submitting → submitted → delivered, failed or unknown; or settled; or cancelled.

Each function is a command: it maps the borrower's state to the state that shall be and what to say, or raises
NotPossible. Call them through `handlers.command`.
"""

from services.notifier.domain.moment import Moment, Reaction
from services.notifier.domain.outcomes import Asked, Receipt, Settled, Submission, Tracked
from services.notifier.domain.state import Borrower


def claimed(state: Borrower, contact_id: str, ctx: Moment) -> Reaction:
    """Take a pending contact to hand it to a carrier; from here on a stop no longer withdraws it.

    Raises NotPossible when it is not pending, too early, or expired. Says `notice.submitting`.
    """
    raise NotImplementedError


def released(state: Borrower, contact_id: str, ctx: Moment) -> Reaction:
    """Put a claimed contact of which nothing left the house back to pending (or cancel it, if a stop came meanwhile)."""
    raise NotImplementedError


def submitted(state: Borrower, contact_id: str, outcome: Submission, ctx: Moment) -> Reaction:
    """What became of a claimed contact: says `notice.sent`, `notice.failed` or `notice.unknown`."""
    raise NotImplementedError


def receipt(state: Borrower, contact_id: str, outcome: Receipt, ctx: Moment) -> Reaction:
    """A carrier's receipt: says `notice.delivered` or `notice.failed`. A receipt that comes twice or late says nothing."""
    raise NotImplementedError


def tracking(state: Borrower, notice_id: str, tracked: Tracked, ctx: Moment) -> Reaction:
    """The post's word on a letter; a letter that is returned or lost has failed."""
    raise NotImplementedError


def propose(state: Borrower, asked: Asked, ctx: Moment) -> Reaction:
    """Ask the gate for a call or another contact of an agency or officer: says `contact.allowed` or `contact.denied`."""
    raise NotImplementedError


def settle(state: Borrower, contact_id: str, outcome: Settled, ctx: Moment) -> Reaction:
    """What became of a permitted contact: says `contact.settled`, or `contact.cancelled` when it was not made."""
    raise NotImplementedError
