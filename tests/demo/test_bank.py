"""The simulated bank says what a bank says: valid facts, contiguous versions, sums that agree, and all of it again."""

import itertools
from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import pytest

from deploy.local.dealings import perform
from deploy.local.journal import Journal
from deploy.local.portfolio import World
from deploy.local.teller import Teller
from schemas.bank import (
    BorrowerRecorded,
    BorrowerSnapshot,
    LoanCured,
    LoanDueSoon,
    LoanOverdue,
    LoanPaymentReceived,
)
from schemas.envelope import read_structured


def test_every_fact_keeps_the_contract(quiet_play):
    for event in quiet_play.events:
        assert read_structured(event.to_json()).data == event.data


def test_every_event_has_an_id_of_its_own(quiet_play):
    counts = Counter(event.id for event in quiet_play.events)
    assert counts.most_common(1)[0][1] == 1


def test_everybody_is_recorded_before_the_first_day(quiet_play):
    recorded = [event for event in quiet_play.events if isinstance(event.data, BorrowerRecorded)]
    assert len(recorded) == len(quiet_play.bank.borrowers)
    assert all(event.time < quiet_play.world.start for event in recorded)


def test_versions_of_a_loan_are_contiguous(quiet_play):
    versions = defaultdict(list)
    for event in quiet_play.events:
        if getattr(event.data, "loan_version", None):
            versions[event.data.loan_id].append(event.data.loan_version)
    assert all(found == list(range(1, len(found) + 1)) for found in versions.values())


def test_what_is_said_to_be_paid_is_what_the_books_hold(quiet_play):
    said = sum((fact.amount for fact in quiet_play.said(LoanPaymentReceived)), Decimal(0))
    assert said == quiet_play.bank.paid > 0


def test_a_loan_is_due_soon_three_days_before_it_is_debited_and_never_later(quiet_play):
    due = {(fact.loan_id, fact.due_date) for fact in quiet_play.said(LoanDueSoon)}
    assert all(fact.due_date - fact.business_date == timedelta(3) for fact in quiet_play.said(LoanDueSoon))
    debits = [a for a in quiet_play.actions if a.kind == "debit" and a.day > quiet_play.world.first_day + timedelta(3)]
    assert {(action.loan_id, action.day) for action in debits} & due


def test_everybody_who_will_miss_an_instalment_is_told_of_first(quiet_play):
    due = {(fact.loan_id, fact.due_date) for fact in quiet_play.said(LoanDueSoon)}
    missed = [a for a in quiet_play.actions if a.kind == "miss" and a.day > quiet_play.world.first_day + timedelta(3)]
    assert missed
    assert {(action.loan_id, action.day) for action in missed} <= due


def test_who_pays_nothing_falls_further_behind_each_month(quiet_play):
    arrears = defaultdict(list)
    for fact in quiet_play.said(LoanOverdue):
        arrears[fact.loan_id].append((fact.days_past_due, fact.arrears.total))
    longest = max(arrears.values(), key=len)
    assert longest == sorted(longest)
    assert longest[-1][1] > longest[0][1]


def test_overdue_loans_are_told_again_each_week(quiet_play):
    days = defaultdict(list)
    for fact in quiet_play.said(LoanOverdue):
        days[fact.loan_id].append(fact.business_date)
    assert all(later - day <= timedelta(7) for found in days.values() for day, later in itertools.pairwise(found))


def test_an_early_bird_is_overdue_and_pays_before_anybody_may_write(quiet_play):
    early = {one for one, behaviour in quiet_play.bank.behaviours.items() if behaviour.story.early_bird}
    cured = [e for e in quiet_play.events if isinstance(e.data, LoanCured) and e.data.borrower_id in early]
    assert cured
    assert all(event.time.astimezone(quiet_play.world.zone).hour < 8 for event in cured)


def test_snapshots_are_taken_at_night_and_agree_with_what_was_said(quiet_play):
    arrears = {}
    for event in quiet_play.events:
        fact = event.data
        if isinstance(fact, LoanOverdue):
            arrears[fact.loan_id] = fact.arrears
        elif isinstance(fact, LoanPaymentReceived):
            arrears[fact.loan_id] = fact.arrears_after
        elif isinstance(fact, BorrowerSnapshot):
            assert event.time.astimezone(quiet_play.world.zone).hour in (2, 3, 22, 23)
            assert all(loan.arrears == arrears.get(loan.loan_id, loan.arrears) for loan in fact.loans)


def books(teller):
    return {loan_id: asdict(account) for loan_id, account in teller.accounts.items()}, teller.paid, teller.statuses


@pytest.mark.parametrize("said_up_to", [0, 1, 700])
def test_a_killed_bank_has_the_same_books_again_and_says_only_what_it_may_not_have_said(tmp_path, play, said_up_to):
    played = play(World(loans=120)).through(40)
    journal = Journal(tmp_path / "journal")
    journal.write(played.actions[:said_up_to])
    journal.said()
    journal.write(played.actions[said_up_to:])
    teller, unsaid = Teller(World(loans=120)), []
    for action, said in Journal(tmp_path / "journal").actions():
        events = perform(teller, action)
        unsaid += [] if said else events
    assert books(teller) == books(played.bank)
    first = len(perform_all(World(loans=120), played.actions[:said_up_to]))
    assert [e.to_json() for e in unsaid] == [e.to_json() for e in played.events[first:]]


def perform_all(world, actions):
    teller = Teller(world)
    return [event for action in actions for event in perform(teller, action)]


def test_a_journal_that_was_cut_off_in_its_last_line_is_read_without_it(tmp_path, play):
    played = play(World(loans=50)).through(3)
    Journal(tmp_path / "journal").write(played.actions)
    whole = (tmp_path / "journal").read_bytes()
    (tmp_path / "journal").write_bytes(whole[:-20])
    assert [action for action, _ in Journal(tmp_path / "journal").actions()] == played.actions[:-1]
