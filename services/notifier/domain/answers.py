"""What the borrower says, and what stops because of it."""

from services.notifier.domain.moment import Moment, Reaction
from services.notifier.domain.outcomes import Answered
from services.notifier.domain.state import Borrower


def answer(state: Borrower, given: Answered, ctx: Moment) -> Reaction:
    """Take an answer: says `notice.answered`, and what follows from it, and cancels what is pending.

    Raises NotPossible when something is missing (a promise without day or amount) or the notice is not the borrower's.
    """
    raise NotImplementedError
