"""Conservation laws: a whole town keeps them all; take one fact away and the law that it belongs to names its id."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from schemas.cases import FeeAccrued, PlacementOffered, PlacementRefused
from services.kit.bench import Bench
from services.reporting.domain.laws import LIVES, Course, Step, balance, fee, lived
from services.reporting.store.laws import courses, laws
from tests.reporting.log import (
    LATER,
    Log,
    allowed,
    attributed,
    by_topic,
    closed,
    day,
    money,
    opened,
    overdue,
    paid,
    sent,
    view,
    write,
)
from tests.reporting.test_objections_law import disputed, resolved
from tests.reporting.town import Town

BY_NAME = {life.law: life for life in LIVES}


def found(bench, *, settled=True, at=LATER):
    with bench.engine.connect() as db:
        return {law.name: law for law in laws(db, view(at, settled=settled))}


def broken(bench):
    return {name: law.offenders for name, law in found(bench).items() if not law.holds}


@pytest.fixture(scope="module")
def town():
    log = Town(seed=7, days=60).log(60)
    log.tell(disputed(), day(70))
    log.tell(resolved(), day(73))
    return log


@pytest.mark.stack
def test_a_whole_town_keeps_every_law(bench: Bench, town: Log):
    write(bench, by_topic(town.records))
    assert broken(bench) == {}
    assert all(law.left == law.right for law in found(bench).values())
    assert min(float(law.left) for law in found(bench).values()) > 0, "a law about nothing proves nothing"


@pytest.mark.stack
@pytest.mark.parametrize(
    ("type_", "law"),
    [
        ("case.opened.v1", "cases"),
        ("placement.offered.v1", "placements offered"),
        ("placement.activated.v1", "placements active"),
        ("promise.made.v1", "promises"),
        ("visit.permit_requested.v1", "visits"),
        ("loan.payment_received.v1", "payments"),
        ("payment.attributed.v1", "payments"),
        ("fee.accrued.v1", "fees"),
        ("contact.allowed.v1", "contacts"),
    ],
)
def test_a_fact_that_is_missing_breaks_the_law_it_belongs_to_and_is_named(bench: Bench, town: Log, type_, law):
    index = next(n for n, (event, _) in enumerate(town.records) if event.type == type_ and _ended(town, event))
    gone = town.records[index][0]
    write(bench, _without(town.records, index))
    assert gone.data.key in found(bench)[law].offenders[0]
    assert not found(bench)[law].holds
    assert found(bench)[law].left != found(bench)[law].right


def _ended(town, event):
    """Whether later facts speak of the same thing, so that its beginning can be missed."""
    borrower = event.data.key
    return any(
        e.type in {"payment.attributed.v1", "fee.accrued.v1"} and e.data.key == borrower for e, _ in town.records
    ) and (
        event.type != "promise.made.v1"
        or any(e.type.startswith("promise.k") and e.data.key == borrower for e, _ in town.records)
    )


def _without(records, index):
    """All but one record, as if it had never been read."""
    return by_topic(record for number, record in enumerate(records) if number != index)


@pytest.mark.stack
def test_a_number_that_was_never_read_is_named_with_its_source(bench: Bench, town: Log):
    index = next(n for n, (event, _) in enumerate(town.records) if event.type == "notice.delivered.v1")
    gone = town.records[index][0]
    write(bench, _without(town.records, index))
    assert broken(bench) == {"sequences": (f"{gone.source}#{gone.sequence}",)}


def _numbered(record, source, sequence):
    """The same record as somebody else would number it."""
    event, origin = record
    return event.model_copy(update={"source": source, "sequence": sequence}), origin


@pytest.mark.stack
def test_a_number_counts_only_where_its_source_owns_the_topic(bench: Bench):
    log = Log()
    log.tell(overdue(), day(1))
    write(bench, [_numbered(log.records[0], "/arrears/bank-gateway/0", 3_000_000_000)])
    law = found(bench)["sequences"]
    assert (law.holds, law.left, law.right) == (True, "0", "0")
    with bench.engine.connect() as db:
        assert db.scalar(text("SELECT count(*) FROM facts WHERE sequence IS NOT NULL")) == 0


@pytest.mark.stack
def test_a_gap_is_one_offender_however_wide_it_is(bench: Bench):
    log = Log()
    for number in range(3):
        log.tell(allowed("B1", f"N-{number}"), day(1))
    source = log.records[0][0].source
    numbers = (2, 3, 3_000_000_000)
    write(bench, [_numbered(r, source, n) for r, n in zip(log.records, numbers, strict=True)])
    law = found(bench)["sequences"]
    assert (law.offenders, law.offending) == ((f"{source}#1", f"{source}#4-2999999999"), 2)
    assert (law.left, law.right) == ("3000000000", "3")


@pytest.mark.stack
def test_what_an_agency_writes_is_one_word_whatever_stands_in_it(bench: Bench):
    log = Log()
    offered = town_fact(PlacementOffered)
    log.tell(offered, day(1))
    ended = {name: getattr(offered, name) for name in ("case_id", "borrower_id", "placement_id", "agency_id")}
    reason = "no team this month\nplacement.activated.v1 sorry"
    log.tell(PlacementRefused(**ended, reason=reason, ended_at=day(2)), day(2))
    write(bench, by_topic(log.records))
    law = found(bench)["placements offered"]
    assert (law.holds, law.left, law.right) == (True, "1", "1")
    with bench.engine.connect() as db:
        assert courses(db, view(LATER))[0].steps[-1] == Step("placement.refused.v1", reason)


def town_fact(kind):
    """Some fact of a kind as a town tells it."""
    return next(e.data for e, _ in Town(seed=7, days=60).log(60).records if isinstance(e.data, kind))


@pytest.mark.stack
def test_a_payment_may_wait_a_moment_to_be_attributed_but_no_longer(bench: Bench):
    log = Log()
    log.tell(paid(), day(1))
    write(bench, log.records)
    soon, late = (
        found(bench, settled=False, at=day(1) + timedelta(seconds=5)),
        found(bench, settled=False, at=day(1) + timedelta(seconds=30)),
    )
    assert (soon["payments"].holds, soon["payments"].settling) == (True, 1)
    assert soon["payments"].left == soon["payments"].right == "1000.00"
    assert (late["payments"].holds, late["payments"].offenders) == (False, ("X1",))


@pytest.mark.stack
def test_a_payment_told_twice_counts_once(bench: Bench):
    log = Log()
    log.tell(paid(), day(1))
    log.tell(paid(), day(2))
    log.tell(attributed(), day(2))
    write(bench, by_topic(log.records))
    assert found(bench)["payments"].holds


@pytest.mark.stack
def test_cents_that_do_not_match_are_found(bench: Bench):
    log = Log()
    log.tell(paid(amount="1000.00"), day(1))
    log.tell(attributed(amount="999.99"), day(1))
    write(bench, by_topic(log.records))
    law = found(bench)["payments"]
    assert (law.holds, law.left, law.right, law.offenders) == (False, "1000.00", "999.99", ("X1",))


@pytest.mark.stack
def test_a_contact_without_a_decision_is_named(bench: Bench):
    log = Log()
    log.tell(allowed("B1"), day(0))
    log.tell(sent("B1"), day(0))
    log.tell(sent("B2"), day(0))
    write(bench, by_topic(log.records))
    assert found(bench)["contacts"].offenders == ("N-B2-1",)


@pytest.mark.stack
def test_a_fee_that_the_mandate_does_not_give_is_named(bench: Bench, town: Log):
    def dearer(event):
        fact = event.data
        wrong = isinstance(fact, FeeAccrued) and fact.payment_id == target
        return (
            event.model_copy(update={"data": fact.model_copy(update={"amount": fact.amount + 1})}) if wrong else event
        )

    target = next(e.data.payment_id for e, _ in town.records if isinstance(e.data, FeeAccrued))
    write(bench, by_topic((dearer(event), origin) for event, origin in town.records))
    assert broken(bench) == {"fees": (target,)}


def test_a_case_that_is_closed_twice_breaks_its_law():
    course = Course(
        "case",
        (Step("case.opened.v1"), Step("case.closed.v1", "cured"), Step("case.closed.v1", "cured")),
        2,
        ("C-1", "C-2"),
    )
    law = balance(BY_NAME["cases"], [course])
    assert (law.holds, law.left, law.right, law.offenders, law.offending) == (False, "2", "4", ("C-1", "C-2"), 2)


def test_a_case_may_live_again():
    steps = (Step("case.opened.v1"), Step("case.closed.v1", "cured"), Step("case.reopened.v1"))
    walk = lived(BY_NAME["cases"], Course("case", steps, 1))
    assert (walk.possible, walk.alive, walk.lived) == (True, True, 2)


def test_a_notice_that_a_carrier_refused_was_never_sent():
    law = balance(BY_NAME["notices"], [Course("notice", (Step("notice.failed.v1"),), 1)])
    assert (law.holds, law.left, law.right) == (True, "1", "1")


def test_a_receipt_that_comes_after_all_replaces_unknown():
    steps = (Step("notice.sent.v1"), Step("notice.unknown.v1"), Step("notice.delivered.v1"))
    assert lived(BY_NAME["notices"], Course("notice", steps, 1)).possible


@given(st.lists(st.sampled_from(["case.opened.v1", "case.reopened.v1", "case.closed.v1"]), max_size=7))
def test_a_life_is_possible_exactly_when_it_alternates_and_begins_once(types):
    """Against the plainest model: opened first and only first, then closed and reopened in turn."""
    expected = not types or (
        types[0] == "case.opened.v1"
        and all(t == ("case.closed.v1" if n % 2 else "case.reopened.v1") for n, t in enumerate(types[1:], 1))
    )
    walk = lived(BY_NAME["cases"], Course("case", tuple(Step(t) for t in types), 1))
    assert walk.possible == expected


@pytest.mark.parametrize(
    ("amount", "points", "expected"),
    [("100.00", 1250, "12.50"), ("0.20", 1250, "0.02"), ("0.60", 1250, "0.08"), ("1000.04", 1250, "125.00")],
)
def test_fees_round_half_to_even(amount, points, expected):
    assert fee(money(amount), points) == money(expected)


def test_lives_are_told_under_different_names():
    assert len(BY_NAME) == len(LIVES)
    assert BY_NAME["placements offered"].begins == PlacementOffered.TYPE


@pytest.mark.stack
def test_a_case_closed_and_reopened_is_open(bench: Bench):
    log = Log()
    log.tell(overdue(), day(0))
    log.tell(opened(), day(0))
    log.tell(closed(at=day(3)), day(3))
    write(bench, by_topic(log.records))
    assert found(bench)["cases"].left == found(bench)["cases"].right == "1"
