"""Money balances to the cent, for every history."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.bank import LoanPaymentReceived
from schemas.cases import (
    CaseReopened,
    FeeAccrued,
    FeeReversed,
    PaymentAttributed,
    PromiseBroken,
    PromiseCancelled,
    PromiseKept,
    PromiseMade,
    PromisePartlyKept,
    PromiseReopened,
)
from services.assignment.app import service
from services.assignment.domain.book import EXACT_KEPT, KEPT, LINES_KEPT, booked
from services.assignment.domain.state import Payment, State
from services.assignment.store import tables
from services.kit.states import Codec
from tests.assignment.story import START, Story, money


def credited(story):
    return [(fact.attributed_to, fact.agency_id, fact.amount) for fact in story.said(PaymentAttributed)]


def test_money_while_an_agency_works_the_case_is_its_merit_and_its_fee(story):
    story.placed(1000)
    payment = story.pays("333.33")
    agency_id = story.placement.agency_id
    assert credited(story) == [("agency", agency_id, money("333.33"))]
    fee = story.last(FeeAccrued)
    assert (fee.amount, fee.basis_points, fee.payment_id) == (money("66.67"), 2000, payment)
    assert fee.placement_id == story.placement.placement_id


def test_money_while_only_a_case_is_open_is_the_houses(story):
    story.opened(1000).pays(100)
    assert credited(story) == [("in_house", None, money(100))]
    assert story.said(FeeAccrued) == []


def test_money_while_the_in_house_team_works_the_case_is_the_houses(story):
    story.noticed(1000).declines().declines().declines().pays(100)
    assert credited(story) == [("in_house", "in-house", money(100))]


def test_money_without_a_case_is_nobodys(story):
    story.pays(100)
    assert credited(story) == [("unattributed", None, money(100))]
    assert story.last(PaymentAttributed).case_id == "none"


@pytest.mark.parametrize(("days", "party"), [(2, "agency"), (4, "unattributed")])
def test_money_soon_after_the_cure_is_still_the_agencys(story, days, party):
    story.placed().cured().days(days).pays(50)
    assert story.last(PaymentAttributed).attributed_to == party


def test_money_soon_after_another_recall_is_not(story):
    story.placed().hardship().pays(50)
    assert story.last(PaymentAttributed).attributed_to == "in_house"


def test_the_same_payment_told_twice_counts_once(story):
    story.placed(1000).pays(100, payment_id="x")
    story.pays(100, payment_id="x")
    assert len(credited(story)) == 1


def test_a_payment_taken_back_is_mirrored_exactly(story):
    story.placed(1000)
    payment = story.pays("333.33")
    story.days(5).returns().takes_back(payment, "333.33")
    first, second = story.said(PaymentAttributed)
    assert second.amount == -first.amount
    same = ("attributed_to", "agency_id", "placement_id", "case_id", "payment_id")
    assert all(getattr(first, name) == getattr(second, name) for name in same)
    assert story.last(FeeReversed).amount == story.last(FeeAccrued).amount
    assert story.last(FeeReversed).fee_id == story.last(FeeAccrued).fee_id


def test_it_is_taken_back_once(story):
    story.placed(1000)
    payment = story.pays(100)
    story.takes_back(payment, 100).takes_back(payment, 100, left=1000)
    assert [amount for _, _, amount in credited(story)] == [money(100), money(-100)]


def test_a_part_taken_back_leaves_the_fee_on_the_rest(story):
    story.placed(1000)
    payment = story.pays("333.33")
    story.takes_back(payment, "111.11")
    assert story.last(PaymentAttributed).amount == money("-111.11")
    left = (money("222.22") * 2000 / 10_000).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert story.last(FeeAccrued).amount - story.last(FeeReversed).amount == left


def test_more_taken_back_than_came_is_nobodys_for_the_rest(story):
    story.placed(1000)
    payment = story.pays(100)
    story.takes_back(payment, 130)
    assert [(party, amount) for party, _, amount in credited(story)] == [
        ("agency", money(100)),
        ("agency", money(-100)),
        ("unattributed", money(-30)),
    ]


def test_one_payment_over_two_loans_counts_on_each(story):
    story.placed(1000).overdue(500, loan_id="l2").pays(600, payment_id="x")
    story.pays(500, payment_id="x", loan_id="l2")
    assert [amount for _, _, amount in credited(story)] == [money(600), money(500)]
    assert {fact.loan_id for fact in story.said(FeeAccrued)} == {"l1", "l2"}
    story.takes_back("x", 500, loan_id="l2")
    assert credited(story)[-1][2] == money(-500)


def test_a_payment_taken_back_in_parts_is_taken_back_to_the_cent_and_its_fee_with_it(story):
    story.placed(1000).pays("100.01", payment_id="x")
    story.takes_back("x", "40.00").takes_back("x", "60.01").takes_back("x", "60.01", left=1000)
    assert [amount for _, _, amount in credited(story)] == [money("100.01"), money("-40.00"), money("-60.01")]
    fees = sum(f.amount for f in story.said(FeeAccrued)) - sum(f.amount for f in story.said(FeeReversed))
    assert fees == 0


def test_a_payment_that_comes_again_after_it_was_taken_back_counts_again(story):
    story.placed(1000).pays(100, payment_id="x")
    story.takes_back("x", 100).pays(100, payment_id="x")
    story.pays(100, payment_id="x")
    assert [amount for _, _, amount in credited(story)] == [money(100), money(-100), money(100)]
    story.takes_back("x", 100)
    assert credited(story)[-1][2] == money(-100)


def test_one_id_for_two_amounts_is_nobodys_money_with_the_reason_and_stops_as_it_says(story):
    story.placed(1000).pays(100, payment_id="x")
    story.pays(900, payment_id="x")
    last = story.last(PaymentAttributed)
    assert (last.attributed_to, last.amount) == ("unattributed", money(900))
    assert "used before, for 100.00" in last.reason
    assert story.state.case is None


def test_an_unknown_payment_taken_back_is_nobodys_with_the_reason(story):
    story.placed(1000).takes_back("never-seen", 70)
    back = story.last(PaymentAttributed)
    assert (back.attributed_to, back.amount) == ("unattributed", money(-70))
    assert "unknown payment" in back.reason


@pytest.mark.parametrize(
    ("parts", "left"), [((50, 50), 0), ((30, 30), 40), ((30, 70), 0), ((100, 100), 0), ((50, 50, 50), 0), ((130,), -30)]
)
def test_a_payment_taken_back_in_parts_before_it_is_told_leaves_what_was_not_taken_back(story, parts, left):
    story.placed(1000)
    for part in parts:
        story.takes_back("late", part)
    story.pays(100, payment_id="late", left=1000)
    assert sum(amount for _, _, amount in credited(story)) == money(left)
    story.pays(100, payment_id="late", left=1000)
    assert sum(amount for _, _, amount in credited(story)) == money(left), "told again it counts once"


def test_a_payment_told_after_it_was_taken_back_cancels_out(story):
    story.placed(1000).takes_back("late", 70)
    story.pays(70, payment_id="late")
    story.pays(70, payment_id="late")
    assert [(party, amount) for party, _, amount in credited(story)] == [
        ("unattributed", money(-70)),
        ("unattributed", money(70)),
    ]


def test_an_old_payment_taken_back_is_mirrored_exactly_and_reopens_nothing(story):
    story.placed()
    payment = story.pays(500)
    story.days(120).takes_back(payment, 200).days(120).takes_back(payment, 300)
    assert [(party, amount) for party, _, amount in credited(story)] == [
        ("agency", money(500)),
        ("agency", money(-200)),
        ("agency", money(-300)),
    ]
    _fees_balance(story)
    assert sum(fact.amount for fact in story.said(FeeReversed)) == story.last(FeeAccrued).amount
    assert story.said(CaseReopened) == []


def test_a_payment_told_again_after_years_or_after_many_others_counts_once(story):
    story.placed(10_000)
    story.pays(100, payment_id="old", left=9000)
    for number in range(EXACT_KEPT + 5):
        story.pays(1, payment_id=f"other-{number}", left=9000)
    story.pays(100, payment_id="old", left=9000)
    story.days(800).pays(100, payment_id="old", left=9000)
    assert sum(fact.amount for fact in story.said(PaymentAttributed)) == money(100 + EXACT_KEPT + 5)


@pytest.mark.parametrize("parts", [(50, 50), (30, 70), (30, 70, 70)])
def test_an_old_payment_may_be_taken_back_in_parts_and_made_again(story, parts):
    story.placed(1000)
    story.pays(100, payment_id="old", left=900)
    story.days(400)
    for part in parts:
        story.takes_back("old", part)
    assert sum(fact.amount for fact in story.said(PaymentAttributed)) == 0
    story.pays(100, payment_id="old", left=900)
    assert sum(fact.amount for fact in story.said(PaymentAttributed)) == money(100)


def test_the_book_of_payments_stays_small(story):
    story.placed(100_000)
    for number in range(150):
        story.pays(1, payment_id=f"pay-{number:04}", left=90_000)
    kept, lines = story.state.payments, [line for page in story.state.book for line in page.lines]
    assert len(kept) <= EXACT_KEPT + 1
    assert len(kept) + len(lines) == 150
    codec = Codec(service())
    assert codec.decode(codec.encode(story.state)) == story.state
    size = len(codec.encode(story.state)) - len(codec.encode(replace(story.state, book=())))
    assert size < 110 * len(lines) + 200


def test_the_book_forgets_after_three_years_and_keeps_a_bounded_number():
    def payment(n, at):
        return Payment(f"p-{n}", "l1", "CNY", money(1), at.date(), at, got=money(1), left=money(1))

    old = tuple(payment(n, START + timedelta(minutes=n)) for n in range(LINES_KEPT + 40))
    state = booked(State("b1", payments=old), START + timedelta(days=91))
    lines = [line.payment_id for page in state.book for line in page.lines]
    assert (len(lines), lines[0], state.payments) == (LINES_KEPT, "p-40", ())
    later = START + KEPT + timedelta(days=1)
    state = booked(replace(state, payments=(payment("new", later - timedelta(days=100)),)), later)
    assert [line.payment_id for page in state.book for line in page.lines] == ["p-new"]


def test_the_bare_payment_of_a_performing_borrower_opens_nothing(story):
    story.pays(100)
    assert [kind for kind in story.kinds_since(0) if kind.startswith("case.")] == []


HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("overdue"), st.integers(1, 200_000), st.sampled_from(["l1", "l2"])),
        st.tuples(st.just("pays"), st.integers(1, 90_000), st.sampled_from(["l1", "l2", "l3"])),
        st.tuples(st.just("repeats"), st.integers(0, 9)),
        st.tuples(st.just("pays_under_one_id"), st.sampled_from([60_000, 50_000]), st.sampled_from(["l1", "l2"])),
        st.tuples(st.just("takes_back"), st.integers(0, 9), st.sampled_from([0, 0, 0, -1, 1])),
        st.tuples(st.just("takes_back_a_part"), st.integers(0, 9), st.sampled_from([40, 60])),
        st.tuples(st.just("takes_back_unknown"), st.integers(1, 5_000)),
        st.tuples(st.just("promises"), st.integers(1, 90_000), st.integers(0, 9)),
        st.tuples(st.just("asks_for_plan"), st.integers(2, 6)),
        st.tuples(st.just("silent")),
        st.tuples(st.just("accepts")),
        st.tuples(st.just("returns")),
        st.tuples(st.just("disputes"), st.integers(0, 4)),
        st.tuples(st.just("cured"), st.sampled_from(["l1", "l2"])),
        st.tuples(st.just("days"), st.one_of(st.integers(1, 12), st.sampled_from([95, 400]))),
    ),
    max_size=30,
)


class Cashier:
    """Plays a history and keeps the plainest books of it: what came, what was taken back."""

    def __init__(self):
        self.story = Story()
        self.paid = {}
        self.told = {}

    def play(self, deed, *given):
        getattr(self, f"do_{deed}")(*given)

    def do_overdue(self, cents, loan_id):
        self.story.overdue(Decimal(cents) / 100, loan_id=loan_id)

    def do_pays(self, cents, loan_id):
        amount = Decimal(cents) / 100
        payment = self.story.pays(amount, loan_id=loan_id)
        self.paid[payment] = (amount, loan_id)
        self.tell(payment, loan_id, amount)

    def do_repeats(self, which):
        if self.paid:
            payment = sorted(self.paid)[which % len(self.paid)]
            told = next(f for f in self.story.said(LoanPaymentReceived) if f.payment_id == payment)
            self.story.bus.publish(told)
            self.tell(payment, told.loan_id, told.amount)

    def do_pays_under_one_id(self, cents, loan_id):
        amount = Decimal(cents) / 100
        self.story.pays(amount, loan_id=loan_id, payment_id="shared")
        self.tell("shared", loan_id, amount)

    def do_takes_back_a_part(self, which, percent):
        if self.paid:
            payment = sorted(self.paid)[which % len(self.paid)]
            amount, loan_id = self.paid[payment]
            part = max(Decimal("0.01"), money(amount * percent / 100))
            self.story.takes_back(payment, part, loan_id=loan_id)
            self.tell(payment, loan_id, -part)

    def tell(self, payment, loan_id, amount):
        self.told.setdefault((payment, loan_id), []).append(amount)

    def do_takes_back(self, which, difference):
        if self.paid:
            payment = sorted(self.paid)[which % len(self.paid)]
            amount, loan_id = self.paid[payment]
            amount = max(Decimal("0.01"), amount + difference)
            self.story.takes_back(payment, amount, loan_id=loan_id)
            self.tell(payment, loan_id, -amount)

    def do_takes_back_unknown(self, cents):
        name = f"unknown-{cents}"
        self.tell(name, "l1", -Decimal(cents) / 100)
        self.story.takes_back(name, Decimal(cents) / 100)

    def do_promises(self, cents, in_days):
        self.story.promises(Decimal(cents) / 100, in_days=in_days)

    def do_asks_for_plan(self, count):
        self.story.asks_for_plan(count)

    def do_silent(self):
        self.story.silent()

    def do_accepts(self):
        if self.story.state.placement and self.story.state.placement.state == "offered":
            self.story.accepts()

    def do_returns(self):
        if self.story.state.placement and self.story.state.placement.state == "active":
            self.story.returns()

    def do_disputes(self, number):
        self.story.disputes(f"D-{number}")

    def do_cured(self, loan_id):
        self.story.cured(loan_id)

    def do_days(self, number):
        self.story.days(number)


def left_of(told):
    """The plainest book of one payment on one loan: repeats struck out, everything else summed.

    What was taken back before it was told repeats itself only from where it has all been taken back.
    """
    came_at = next((n for n, amount in enumerate(told) if amount > 0), None)
    if came_at is None:
        return sum(told, Decimal(0))
    kept = []
    for amount in told[:came_at]:
        kept += [amount] if -sum(kept) < told[came_at] else []
    kept.append(told[came_at])
    for amount in told[came_at + 1 :]:
        came, back = sum(a for a in kept if a > 0), -sum(a for a in kept if a < 0)
        same = next((a for a in kept if a > 0), None)
        last = next((a for a in reversed(kept) if a < 0 or a == same), 0)
        repeat = amount == same and not (last < 0 and back >= came) if amount > 0 else back >= came
        kept += [] if repeat else [amount]
    return sum(kept, Decimal(0))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORY)
def test_money_balances_after_any_history(history):
    cashier = Cashier()
    for deed in history:
        cashier.play(*deed)
    story = cashier.story
    mirrored = Counter()
    for fact in story.said(PaymentAttributed):
        mirrored[fact.payment_id, fact.loan_id] += fact.amount
    assert mirrored == {named: left_of(told) for named, told in cashier.told.items()}
    _fees_balance(story)
    _promises_balance(story)


def _fees_balance(story):
    accrued = sum((f.amount for f in story.said(FeeAccrued)), Decimal(0))
    reversed_ = sum((f.amount for f in story.said(FeeReversed)), Decimal(0))
    lines = story.bus.rows("assignment", tables.ledger)
    payable = sum((x["credit"] - x["debit"] for x in lines if x["account"].startswith("payable:")), Decimal(0))
    assert payable == accrued - reversed_
    for transaction in {line["transaction_id"] for line in lines}:
        both = [line for line in lines if line["transaction_id"] == transaction]
        assert sum(x["debit"] for x in both) == sum(x["credit"] for x in both)
    per_fee = Counter()
    for fact in story.said(FeeAccrued):
        per_fee[fact.fee_id] += fact.amount
    for fact in story.said(FeeReversed):
        per_fee[fact.fee_id] -= fact.amount
    assert all(amount >= 0 for amount in per_fee.values())


def _promises_balance(story):
    began = len(story.said(PromiseMade)) + len(story.said(PromiseReopened))
    ended = sum(len(story.said(k)) for k in (PromiseKept, PromisePartlyKept, PromiseBroken, PromiseCancelled))
    standing = [promise for promise in story.state.promises if promise.state == "active"]
    assert began == ended + len(standing)
    for promise in story.state.promises:
        shares = [s for p in story.state.payments if not p.taken_back for s in p.shares if s.to == promise.promise_id]
        assert promise.paid == sum((share.amount for share in shares), Decimal(0))
        assert 0 <= promise.paid <= promise.amount


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_payments_all_taken_back_leave_no_trace_of_a_fee(cents, rng):
    story = Story().placed(5000)
    payments = [(story.pays(Decimal(c) / 100, left=5000), Decimal(c) / 100) for c in cents]
    rng.shuffle(payments)
    story.bus.advance(timedelta(hours=1))
    for payment, amount in payments:
        story.takes_back(payment, amount)
    fees = sum(f.amount for f in story.said(FeeAccrued)) - sum(f.amount for f in story.said(FeeReversed))
    assert fees == 0
    assert sum(f.amount for f in story.said(PaymentAttributed)) == 0
