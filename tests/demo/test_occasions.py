"""What borrowers do with their money when something reaches them, and what the bank does when a case has ended."""

from datetime import timedelta
from decimal import Decimal

import pytest

from deploy.local.occasions import heard
from deploy.local.portfolio import World
from schemas.bank import (
    BorrowerRecorded,
    LoanChargedOff,
    LoanCured,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanRestructured,
)
from schemas.cases import CaseClosed, DisputeResolved, HardshipGranted, Instalment, PlanAccepted, PromiseMade
from schemas.contacts import NoticeDelivered
from schemas.envelope import Event
from schemas.values import Arrears
from schemas.visits import VisitArrived, VisitDispatched

WORLD = World(loans=500)
NO_ARREARS = Arrears(principal=Decimal("0.00"), interest=Decimal("0.00"), fees=Decimal("0.00"))


class Story:
    """One borrower of a story, some days after the loan went overdue."""

    def __init__(self, play, name):
        self.play = play(WORLD)
        self.borrower_id = next(b for b, one in self.play.bank.behaviours.items() if one.name == name)
        self.day = max(self.play.bank.behaviours[self.borrower_id].onset, 0) + 1
        self.play.through(self.day)
        self.now = WORLD.start + timedelta(days=self.day, hours=10)

    def hears(self, kind, **data):
        fact = kind.model_construct(borrower_id=self.borrower_id, **data)
        self.play.hear(Event.saying(fact, id="x", source="/x", time=self.now))
        return self

    def then(self, days=4):
        self.play.through(self.day + days, begin=self.day)
        return [e for e in self.play.events if e.time >= self.now and e.data.borrower_id == self.borrower_id]

    def says(self, kind, days=4):
        return [event.data for event in self.then(days) if isinstance(event.data, kind)]

    @property
    def owed(self):
        return sum((a.arrears.total for a in self.play.bank.of_borrower[self.borrower_id]), Decimal(0))


@pytest.fixture
def story(play):
    return lambda name: Story(play, name)


def test_who_pays_after_the_reminder_pays_everything_and_is_cured(story):
    one = story("pays after the reminder")
    owed = one.owed
    said = one.hears(NoticeDelivered, step="reminder", delivered_at=one.now).then()
    assert sum(e.data.amount for e in said if isinstance(e.data, LoanPaymentReceived)) == owed > 0
    assert any(isinstance(event.data, LoanCured) for event in said)


def test_who_waits_for_the_letter_does_not_pay_after_the_reminder(story):
    one = story("pays after the letter").hears(NoticeDelivered, step="reminder", delivered_at=WORLD.start)
    assert one.says(LoanPaymentReceived) == []


def test_a_payment_is_made_while_the_team_is_on_its_way(story):
    one = story("pays while the team is on its way")
    said = one.hears(VisitDispatched).then()
    paid = next(event for event in said if isinstance(event.data, LoanPaymentReceived))
    assert paid.time - one.now < timedelta(minutes=20)


def test_who_pays_before_the_talk_pays_within_minutes_of_the_arrival(story):
    one = story("pays before the talk has begun").hears(VisitArrived)
    assert one.says(LoanPaymentReceived)


def test_a_promise_is_kept_on_its_day(story):
    one = story("keeps a promise")
    due = (one.now + timedelta(days=2)).date()
    one.hears(PromiseMade, promise_id="PR-1", amount=one.owed, due_on=due)
    assert [fact.value_date for fact in one.says(LoanPaymentReceived)] == [due]


def test_a_promise_that_is_broken_brings_nothing(story):
    one = story("breaks two promises, then refuses")
    one.hears(PromiseMade, promise_id="PR-1", amount=one.owed, due_on=one.now.date())
    assert one.says(LoanPaymentReceived) == []


def test_each_instalment_of_a_plan_is_paid_once_and_nothing_else_falls_due_meanwhile(story):
    one = story("completes a plan")
    third = (one.owed / 3).quantize(Decimal("0.01"))
    amounts = [one.owed - 2 * third, third, third]
    days = [one.now.date() + timedelta(days=3 + 7 * n) for n in range(3)]
    plan = tuple(Instalment(due_on=day, amount=amount) for day, amount in zip(days, amounts, strict=True))
    said = one.hears(PlanAccepted, plan_id="PL-1", instalments=plan).says(LoanPaymentReceived, days=40)
    assert [fact.amount for fact in said if fact.days_past_due_after or fact.arrears_after == NO_ARREARS][:3] == amounts


def test_a_payment_that_bounces_is_owed_again(story):
    one = story("a payment bounces").hears(NoticeDelivered, step="notice", delivered_at=WORLD.start)
    one = one.hears(NoticeDelivered, step="notice", delivered_at=one.now)
    said = one.then(days=14)
    kinds = [type(event.data) for event in said if not event.type.startswith(("borrower", "loan.due"))]
    back = kinds.index(LoanPaymentReversed)
    assert kinds[back + 1] is LoanOverdue
    assert LoanPaymentReceived in kinds[:back]
    assert LoanPaymentReceived in kinds[back:]


def test_an_upheld_dispute_takes_the_arrears_away_without_money(story):
    one = story("disputes, then pays").hears(DisputeResolved, dispute_id="D-1", upheld=True)
    kinds = {type(event.data) for event in one.then()}
    assert LoanCured in kinds
    assert LoanPaymentReceived not in kinds


def test_hardship_that_is_granted_pauses_the_loan_and_then_gives_it_a_schedule(story):
    one = story("lost the job").hears(HardshipGranted, hardship_id="HD-1", relief="pause")
    kinds = [type(event.data) for event in one.then(days=30)]
    assert kinds.index(LoanPaused) < kinds.index(LoanRestructured) < kinds.index(LoanCured)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("legal_referred", LoanPaused), ("legal_not_pursued", LoanChargedOff), ("deceased", LoanPaused)],
)
def test_what_a_case_ended_as_stands_in_the_books_and_overdue_is_not_said_again(story, outcome, kind):
    one = story("refuses").hears(CaseClosed, case_id="C-1", outcome=outcome)
    said = [type(event.data) for event in one.then(days=20)]
    assert kind in said
    assert LoanOverdue not in said


def test_the_bank_learns_of_a_death(story):
    one = story("has died, the bank learns of it").hears(NoticeDelivered, step="reminder", delivered_at=WORLD.start)
    assert [fact.status for fact in one.says(BorrowerRecorded, days=5)] == ["deceased"]


def test_facts_about_others_banks_borrowers_are_passed_over(play):
    stranger = VisitArrived.model_construct(borrower_id="somebody else")
    event = Event.saying(stranger, id="x", source="/x", time=WORLD.start)
    assert list(heard(play(World(loans=50)).bank, event)) == []
