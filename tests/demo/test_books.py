"""The bank's books: to the cent, whatever is missed, paid and taken back."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from deploy.local.books import Account, Due, month_after
from deploy.local.portfolio import Loan

DAY = date(2026, 3, 5)


def account(**changes):
    terms = {
        "loan_id": "L1",
        "product": "consumer_loan",
        "amount": Decimal("12000.00"),
        "outstanding": Decimal("10000.00"),
        "rate": Decimal("12"),
        "term": 36,
        "instalment": Decimal("400.00"),
        "grade": "B",
        "standing": "Current",
        "originated_on": date(2025, 9, 2),
        "due_day": 5,
    }
    return Account.opened(Loan(**{**terms, **changes}), "B1")


def months(number):
    days = [DAY]
    while len(days) < number:
        days.append(month_after(days[-1], 5))
    return days


def test_an_instalment_is_interest_and_principal_and_a_missed_one_costs_a_fee():
    one = account()
    one.miss(DAY)
    assert one.missed == (Due(DAY, Decimal("8.00"), Decimal("100.00"), Decimal("300.00")),)
    assert (one.status, one.days_past_due(DAY + timedelta(days=3))) == ("overdue", 3)


def test_a_payment_fills_fees_then_interest_then_principal_of_the_oldest():
    one = account()
    for day in months(2):
        one.miss(day)
    one.pay("P1", Decimal("110.00"))
    assert one.missed[0] == Due(DAY, Decimal("0.00"), Decimal("0.00"), Decimal("298.00"))
    assert one.outstanding == Decimal("9998.00")


def test_paying_everything_cures_and_paying_more_takes_only_what_is_due():
    one = account()
    one.miss(DAY)
    assert one.pay("P1", Decimal("1000.00")) == Decimal("408.00")
    assert (one.status, one.missed) == ("current", ())


def test_a_debit_leaves_nothing_past_due():
    one = account()
    assert one.debit(DAY, "P1") == Decimal("400.00")
    assert (one.outstanding, one.missed) == (Decimal("9700.00"), ())


amounts = st.decimals("0.01", "900.00", places=2)


@given(missed=st.integers(1, 4), paid=st.lists(amounts, min_size=1, max_size=6), back=st.data())
def test_payments_taken_back_in_any_order_leave_what_was_owed(missed, paid, back):
    one, untouched = account(), account()
    for day in months(missed):
        one.miss(day)
        untouched.miss(day)
    taken = {f"P{n}": one.pay(f"P{n}", amount) for n, amount in enumerate(paid)}
    assert one.arrears.total + sum(taken.values()) == untouched.arrears.total
    for payment_id in back.draw(st.permutations(list(taken))):
        assert one.reverse(payment_id) == taken[payment_id]
    assert (one.missed, one.outstanding) == (untouched.missed, untouched.outstanding)


@given(owed=st.decimals("0.01", "9000.00", places=2), rate=st.decimals("0.01", "36", places=2))
def test_a_loan_that_is_debited_long_enough_is_paid_off_exactly(owed, rate):
    one = account(outstanding=owed, rate=rate)
    for day in months(60):
        one.debit(day, f"P-{day}")
    assert one.outstanding == 0
