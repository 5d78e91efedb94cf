"""A stop that core banking said last is obeyed, whatever its version, its business day or the clock of who said it."""

from datetime import timedelta

import pytest

from schemas.bank import LoanClosed, LoanCured
from services.notifier.domain import fresh
from services.notifier.domain import loans as books
from tests.notifier.ladder_story import BORROWER, LOAN, MORNING
from tests.notifier.test_domain_facts import DAY, overdue, payment

TODAY, LATER = MORNING.date(), MORNING + timedelta(hours=1)


def cured(day):
    return LoanCured(loan_id=LOAN, borrower_id=BORROWER, business_date=day)


def closed(day):
    return LoanClosed(loan_id=LOAN, borrower_id=BORROWER, business_date=day, reason="repaid")


def standing(*told):
    state = fresh(BORROWER)
    for fact, said in told:
        if isinstance(fact, LoanCured | LoanClosed):
            ends = "clear" if isinstance(fact, LoanCured) else "closed"
            state = books.ended(state, LOAN, ends, fact.business_date, said)
        else:
            tell = books.overdue if hasattr(fact, "region") else books.paid
            state = tell(state, fact, said)
    return state.loan(LOAN).standing


@pytest.mark.parametrize(
    ("before", "stop"),
    [
        (overdue(TODAY, 10, 500, version=5), payment(1, TODAY, 0, 0, version=5)),
        (overdue(TODAY + 40 * DAY, 10, 500), payment(1, TODAY, 0, 0)),
        (overdue(TODAY, 10, 500), cured(TODAY - 3 * DAY)),
        (overdue(TODAY, 10, 500, version=5), closed(TODAY - 90 * DAY)),
    ],
    ids=["the same version", "arrears dated ahead", "a cure of three days ago", "closed long ago"],
)
def test_the_stop_is_obeyed_and_the_old_arrears_told_again_start_nothing(before, stop):
    assert standing((before, MORNING), (stop, LATER)) in ("clear", "closed")
    assert standing((before, MORNING), (stop, LATER), (before, MORNING)) in ("clear", "closed")
    new = overdue(TODAY + 41 * DAY, 51, 500, version=6)
    assert standing((before, MORNING), (stop, LATER), (new, LATER + 41 * DAY)) == "overdue"
