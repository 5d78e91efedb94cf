"""A fact that the bank says and that never arrives is found by the next snapshot, repaired everywhere, and once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.bank import LoanCured, LoanOverdue
from schemas.cases import CaseClosed, CaseOpened, GapFound, LoanRepaired
from schemas.contacts import ContactCancelled, NoticeSent
from services.kit.service import Refused
from services.notifier import domain as notice
from services.notifier.handlers import command
from services.reporting.domain.stops import marks
from tests.flow.lossy_bank import ZERO, LossyBank

DAY = timedelta(days=1)
ONE_IN_A_THOUSAND = 0.001


def known_to_assignment(bank, account):
    state = bank.bus.state("assignment", account.borrower_id)
    loan = next((each for each in state.loans if each.loan_id == account.loan_id), None)
    return loan.arrears if loan and loan.due else 0


def known_to_notifier(bank, account):
    loan = bank.bus.state("notifier", account.borrower_id).loan(account.loan_id)
    return loan.arrears.total if loan.standing == "overdue" else 0


def followed_by_visits(bank, account):
    loan = bank.bus.state("visits", account.borrower_id).loans.get(account.loan_id)
    return bool(loan and loan.status == "overdue")


def differing(bank):
    """Loans of which some service knows something else than stands in the bank's books."""
    return {
        account.loan_id
        for account in bank.accounts.values()
        if known_to_assignment(bank, account) != account.owed
        or known_to_notifier(bank, account) != account.owed
        or followed_by_visits(bank, account) != bool(account.owed)
    }


def meaning(bank):
    """All that is known of the loans, without what only orders facts, and what only overdue facts tell: the product."""
    found = {}
    for borrower_id in {account.borrower_id for account in bank.accounts.values()}:
        state = bank.bus.state("assignment", borrower_id)
        loans = [replace(loan, as_of=None, heard=None, missing=()) for loan in state.loans]
        told = [loan for loan in bank.bus.state("notifier", borrower_id).loans if loan.standing != "clear"]
        heard = [replace(loan, as_of=None, heard=None, paid_heard=None, product="") for loan in told]
        found[borrower_id] = (loans, state.case and state.case.case_id, heard)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_of_thousands_of_overdue_facts_one_in_a_thousand_is_lost_and_repaired_at_the_next_snapshot(seed):
    bank = LossyBank(seed, borrowers=800, lose={"overdue": ONE_IN_A_THOUSAND, "cure": 0.01, "payment": 0.01})
    repaired_before = 0
    for _ in range(5):
        lost_before = len(bank.lost)
        bank.play_day()
        wrong = differing(bank)
        lost = {fact.loan_id for _, _, fact in bank.lost[lost_before:]}
        assert wrong <= lost, "only what was lost is unknown"
        bank.snapshot()
        repairs = [fact.loan_id for fact in bank.bus.said_of(LoanRepaired)[repaired_before:]]
        assert differing(bank) == set()
        assert wrong <= set(repairs) <= lost, "each that differed is repaired, and nothing that was not lost"
        assert len(repairs) == len(set(repairs)), "none twice"
        repaired_before += len(repairs)
        bank.bus.advance(DAY - timedelta(hours=2))
    overdue = [event for event in bank.bus.log if isinstance(event.data, LoanOverdue)]
    assert len(overdue) > 1000
    assert {kind for _, kind, _ in bank.lost} == {"overdue", "cure", "payment"}
    assert repaired_before >= 10


def test_what_was_lost_and_comes_after_its_repair_changes_nothing_twice():
    bank = LossyBank(3, borrowers=300, lose={"overdue": 0.2, "cure": 0.3, "payment": 0.3})
    bank.play_day()
    bank.bus.advance(DAY)
    bank.lost.clear()
    bank.play_day()
    bank.snapshot()
    before, said = meaning(bank), len(bank.bus.said_of(LoanRepaired))
    cases = len(bank.bus.said_of(CaseOpened)), len(bank.bus.said_of(CaseClosed))
    assert said > 20
    for happened, _, fact in bank.lost:
        bank.bus.publish(fact, time=happened)
    assert meaning(bank) == before
    assert (len(bank.bus.said_of(CaseOpened)), len(bank.bus.said_of(CaseClosed))) == cases
    assert differing(bank) == set()
    bank.snapshot()
    assert len(bank.bus.said_of(LoanRepaired)) == said, "a second snapshot finds nothing"


def test_what_was_lost_and_comes_days_later_says_nothing_of_what_has_happened_since():
    bank = LossyBank(9, borrowers=300, lose={})
    bank.play_day()
    bank.bus.advance(DAY)
    bank.lose = {"overdue": 0.5, "cure": 0.8}
    bank.play_day()
    lost = [(happened, fact) for happened, _, fact in bank.lost]
    bank.snapshot()
    bank.bus.advance(DAY)
    bank.lose = {}
    bank.play_day()
    before = meaning(bank)
    due_again = {account.loan_id for account in bank.accounts.values() if account.owed}
    assert any(isinstance(fact, LoanCured) and fact.loan_id in due_again for _, fact in lost)
    for happened, fact in lost:
        bank.bus.publish(fact, time=happened)
    assert meaning(bank) == before
    assert differing(bank) == set()


def test_a_snapshot_that_is_older_than_what_is_known_undoes_nothing():
    bank = LossyBank(4, borrowers=200, lose={})
    bank.play_day()
    bank.bus.advance(DAY)
    stale = [bank._shown(account) for account in bank.accounts.values()]
    assert stale
    yesterday = bank.today - DAY
    bank.play_day()
    before = meaning(bank)
    moved = bank.accounts
    bank.accounts = {shown.loan_id: replace(moved[shown.loan_id], owed=shown.arrears.total) for shown in stale}
    bank.snapshot(day=yesterday)
    bank.accounts = moved
    assert bank.bus.said_of(LoanRepaired) == []
    assert meaning(bank) == before


def test_a_lost_cure_stops_what_is_pending_as_soon_as_the_snapshot_is_known():
    bank = LossyBank(5, borrowers=1, lose={})
    account = bank.accounts["L-B-0-1"]
    account.since, account.owed = bank.today - DAY, Decimal(500)
    bank.bus.publish(bank._overdue(account))
    bank.bus.advance(timedelta(seconds=1))
    pending = [c for c in bank.bus.state("notifier", "B-0").contacts if c.state == "pending"]
    assert len(pending) == 1
    bank.clock.instant += DAY / 4
    account.since, account.owed = None, ZERO
    bank.snapshot()
    assert [c.reason for c in bank.bus.said_of(ContactCancelled)] == ["cured"]
    with pytest.raises(Refused):
        bank.bus.command("notifier", "B-0", command(notice.claimed, pending[0].contact_id))
    bank.bus.advance(10 * DAY)
    assert bank.bus.said_of(NoticeSent) == []
    assert [case.outcome for case in bank.bus.said_of(CaseClosed)] == ["cured"]
    repaired = bank.bus.said_of(LoanRepaired)[0]
    now = bank.clock.now()
    assert ("stop", "settled") in [(mark.role, mark.kind) for mark in marks(repaired, now, now)]


def test_a_lost_first_overdue_begins_ladder_and_case_and_is_told_once():
    bank = LossyBank(6, borrowers=1, lose={"overdue": 1.0})
    account = bank.accounts["L-B-0-1"]
    account.since, account.owed = bank.today - DAY, Decimal(500)
    bank._tell("overdue", bank._overdue(account))
    assert bank.bus.said_of(CaseOpened) == []
    bank.snapshot()
    assert len(bank.bus.said_of(CaseOpened)) == 1
    assert known_to_notifier(bank, account) == 500
    contacts = [c.step for c in bank.bus.state("notifier", "B-0").contacts]
    assert contacts == ["reminder"]
    bank.bus.publish(bank.lost[0][2])
    bank.snapshot()
    assert len(bank.bus.said_of(CaseOpened)) == len(bank.bus.said_of(LoanRepaired)) == 1
    assert [c.step for c in bank.bus.state("notifier", "B-0").contacts] == ["reminder"]


def test_a_gap_in_the_versions_is_told_when_it_is_seen_and_repaired_at_the_snapshot():
    bank = LossyBank(7, borrowers=1, lose={})
    account = replace(bank.accounts["L-B-0-1"], versioned=True, since=bank.today - DAY, owed=Decimal(500))
    bank.accounts[account.loan_id] = account
    bank.bus.publish(bank._overdue(account))
    lost = [bank._overdue(account) for _ in range(3)]
    bank.bus.publish(bank._overdue(account))
    found = bank.bus.said_of(GapFound)
    assert [(gap.loan_id, gap.missing.first, gap.missing.last) for gap in found] == [(account.loan_id, 2, 4)]
    bank.bus.publish(lost[1])
    bank.snapshot()
    repaired = bank.bus.said_of(LoanRepaired)
    assert [[(run.first, run.last) for run in fact.missing] for fact in repaired] == [[(2, 2), (4, 4)]]
    bank.bus.publish(lost[0])
    bank.snapshot()
    assert len(bank.bus.said_of(LoanRepaired)) == 1


def test_a_loan_that_the_bank_does_not_show_any_more_is_not_collected_until_it_is_shown_again():
    bank = LossyBank(8, borrowers=2, lose={})
    account = bank.accounts["L-B-1-1"]
    account.since, account.owed = bank.today - DAY, Decimal(500)
    bank.bus.publish(bank._overdue(account))
    bank.bus.advance(timedelta(minutes=1))
    bank.snapshot(leaving_out=frozenset({account.loan_id}))
    assert [fact.status for fact in bank.bus.said_of(LoanRepaired)] == ["closed"]
    assert (known_to_notifier(bank, account), followed_by_visits(bank, account)) == (0, False)
    assert [c for c in bank.bus.state("notifier", "B-1").contacts if c.state == "pending"] == []
    bank.bus.advance(DAY)
    bank.snapshot()
    assert [fact.status for fact in bank.bus.said_of(LoanRepaired)] == ["closed", "overdue"]
    assert differing(bank) == set()
