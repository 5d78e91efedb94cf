"""How likely a cure is without contact, which segment follows from it, and which arm of the trial a borrower is in."""

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256

from schemas.cases import Arm, Segment
from services.assignment.domain.state import ZERO, Loan, State
from services.assignment.domain.steps import days_past_due
from services.rulebook.strategy import Scoring, Strategy

THOUSAND = Decimal(1000)


def score_of(state: State, loans: Sequence[Loan], policy: Scoring) -> int:
    """Points of the scorecard, 0 to 1000, over all loans of the borrower."""
    band = [band.points for band in policy.bands if band.days_past_due <= days_past_due(loans)]
    product = min((policy.products.get(loan.product, 0) for loan in loans), default=0)
    broken = state.case.broken if state.case else 0
    thousands = int(sum((loan.arrears for loan in loans), ZERO) // THOUSAND)
    points = policy.base + (band[-1] if band else 0) + product
    points += policy.per_broken_promise * broken + policy.per_thousand_arrears * thousands
    return max(0, min(1000, points))


def segment_of(state: State, score: int, policy: Scoring) -> Segment:
    """The borrower's segment."""
    if state.vulnerable:
        return "vulnerable"
    if score >= policy.self_cure_from:
        return "self_cure"
    return "high_risk" if score < policy.high_risk_below else "standard"


def arm_of(borrower_id: str, strategy: Strategy) -> Arm:
    """Always the same arm for the same borrower under the same strategy, in every process."""
    return (
        "challenger"
        if one_of(f"{strategy.name}/{borrower_id}", 100) < strategy.scoring.challenger_percent
        else "champion"
    )


def one_of(text: str, count: int) -> int:
    """A number from 0 to `count` - 1 that looks random and is always the same for the same text."""
    return int.from_bytes(sha256(text.encode()).digest()[:8], "big") % count
