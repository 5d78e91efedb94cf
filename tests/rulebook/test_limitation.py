"""Until when a claim runs, which proof began the period anew, and what counts for nothing."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.rulebook.limitation import Interruption, interrupts, limitation, years_later

DUE = date(2024, 5, 1)


def demand(on, evidence="PF-1", **more):
    return Interruption("demand", on, evidence, **{"through": "letter", **more})


def verdicts(found):
    return [link.verdict for link in found.chain]


def test_a_claim_of_which_nobody_reminded_runs_three_years_from_its_due_day():
    found = limitation(DUE, [], 3)
    assert (found.barred_from, found.restarted_by) == (date(2027, 5, 1), None)
    assert found.enforceable(date(2027, 4, 30))
    assert not found.enforceable(date(2027, 5, 1))


def test_a_debt_in_instalments_counts_from_the_last_one():
    assert limitation(DUE, [], 3, last_instalment=date(2026, 5, 1)).barred_from == date(2029, 5, 1)


def test_the_latest_proved_demand_begins_it_anew_and_is_named():
    found = limitation(DUE, [demand(date(2025, 6, 2), "PF-2"), demand(date(2024, 6, 2))], 3)
    assert (found.barred_from, found.restarted_by.evidence) == (date(2028, 6, 2), "PF-2")
    assert [(link.interruption.evidence, link.barred_from) for link in found.chain] == [
        ("PF-1", date(2027, 6, 2)),
        ("PF-2", date(2028, 6, 2)),
    ]


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        (demand(DUE - timedelta(1)), "before it began"),
        (demand(date(2027, 5, 1)), "after it was over"),
        (demand(date(2027, 4, 30)), "counts"),
        (demand(date(2025, 1, 1), received_by="co_resident_adult"), "counts"),
        (demand(date(2025, 1, 1), received_by="other"), "not received for the debtor"),
        (Interruption("acknowledgement", date(2025, 1, 1), "AN-1"), "counts"),
    ],
)
def test_each_event_says_whether_it_counts(event, verdict):
    found = limitation(DUE, [event], 3)
    assert verdicts(found) == [verdict]
    assert (found.restarted_by is event) is (verdict == "counts")


def test_a_late_demand_does_not_revive_what_is_over_even_when_another_follows():
    found = limitation(DUE, [demand(date(2027, 6, 1)), demand(date(2027, 7, 1), "PF-2")], 3)
    assert verdicts(found) == ["after it was over"] * 2
    assert found.barred_from == date(2027, 5, 1)


def test_while_a_suit_goes_on_nothing_is_barred_and_from_its_end_it_is_counted_anew():
    going_on = limitation(DUE, [Interruption("suit", date(2026, 1, 1), "LG-1")], 3)
    assert (going_on.barred_from, verdicts(going_on)) == (None, ["pending"])
    over = limitation(DUE, [Interruption("suit", date(2026, 1, 1), "LG-1", ended_on=date(2026, 9, 1))], 3)
    assert over.barred_from == date(2029, 9, 1)


def test_leap_days_end_on_the_first_of_march():
    assert years_later(date(2024, 2, 29), 3) == date(2027, 3, 1)
    assert years_later(date(2024, 2, 29), 4) == date(2028, 2, 29)


def test_where_no_due_day_is_known_any_event_begins_the_period():
    assert interrupts(None, demand(DUE), 3)


days = st.integers(0, 4000).map(lambda n: date(2020, 1, 1) + timedelta(n))


@given(days, st.lists(days, max_size=8), st.integers(1, 5))
def test_the_end_is_what_brute_force_finds_day_by_day(due, demands, years):
    """Walk through the days: a demand on a day on which the claim runs sets its end anew."""
    ends = years_later(due, years)
    for n in range(4001):
        day = date(2020, 1, 1) + timedelta(n)
        if due <= day < ends and day in demands:
            ends = years_later(day, years)
    found = limitation(due, [demand(on, f"PF-{n}") for n, on in enumerate(demands)], years)
    assert found.barred_from == ends
