"""What core banking told of a payment, against what was mirrored of it: by payment and loan, in any history."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.bench import Bench
from services.reporting.domain.laws import net
from services.reporting.store.laws import payments
from tests.assignment.test_money import left_of
from tests.reporting.log import LATER, Log, attributed, day, money, paid, view, write

CENTS = st.sampled_from([Decimal("100.00"), Decimal("40.00"), Decimal("60.00"), Decimal("0.01")])
TOLD = st.lists(st.tuples(st.sampled_from([1, -1]), CENTS), max_size=9)


@given(TOLD)
def test_the_law_and_the_plainest_book_agree_on_any_history_of_one_payment(told):
    amounts = [sign * cents for sign, cents in told]
    assert net(amounts) == left_of(amounts)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ([100, 100], 100),
        ([100, -40, -60], 0),
        ([100, -40, -60, -60], 0),
        ([100, -100, 100], 100),
        ([100, -100, 100, 100], 100),
        ([-40, 100], 60),
        ([-50, -50, 100], 0),
        ([-50, -50, 100, 100], 0),
        ([-100, -100, 100], 0),
        ([-50, -50], -100),
        ([100, -130], -30),
        ([100, 50], 150),
    ],
)
def test_what_is_left_of_one_payment(told, left):
    assert net([Decimal(amount) for amount in told]) == left


def law(bench, *told):
    log = Log()
    for number, fact in enumerate(told):
        log.tell(fact, day(number / 10))
    write(bench, log.records)
    with bench.engine.connect() as db:
        return payments(db, view(LATER))


@pytest.mark.stack
def test_one_payment_over_two_loans_must_be_mirrored_on_each(bench: Bench):
    first, second = paid(amount="600.00"), paid(loan="L-2", amount="500.00")
    broken = law(bench, first, second, attributed(amount="600.00"))
    assert (broken.holds, broken.offenders) == (False, ("X1",))


@pytest.mark.stack
def test_one_payment_id_of_two_borrowers_breaks_no_law(bench: Bench):
    told = (paid(amount="600.00"), paid("B2", amount="500.00"))
    found = law(bench, *told, attributed(amount="600.00"), attributed("B2", amount="500.00"))
    assert found.holds
    assert money(found.left) == money("1100.00")


@pytest.mark.stack
def test_a_payment_told_twice_is_mirrored_once(bench: Bench):
    found = law(bench, paid(amount="600.00"), paid(amount="600.00"), attributed(amount="600.00"))
    assert found.holds
    assert money(found.left) == money("600.00")
