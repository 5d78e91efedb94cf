"""One borrower, the real notifier on the bus, and carriers who do as the story says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from schemas.bank import (
    Address,
    BorrowerRecorded,
    Consent,
    Email,
    LoanCured,
    LoanDueSoon,
    LoanOverdue,
    LoanPaymentReceived,
    Phone,
)
from schemas.cases import CaseOpened, HoldPlaced, HoldReleased, PlacementActivated, PlacementRecalled
from schemas.contacts import ContactAllowed, ContactDenied
from schemas.values import Arrears
from schemas.visits import VisitPermitRequested
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.notifier import domain, handlers
from services.notifier.app import service
from services.notifier.domain import Policy
from services.notifier.store import contacts, decisions
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy

BORROWER = "B-1"
LOAN = "L-1"
MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""Monday 10:00 in Shanghai."""

POLICY = Policy(load_rulebooks(), load_strategy())


def money(principal="500.00", interest="20.00", fees="5.00"):
    return Arrears(principal=Decimal(principal), interest=Decimal(interest), fees=Decimal(fees))


NOTHING = money("0.00", "0.00", "0.00")


def known(**changes):
    """A borrower in Guangdong with telephone, e-mail and address."""
    values = {
        "borrower_id": BORROWER,
        "region": "CN-GD",
        "time_zone": "Asia/Shanghai",
        "language": "zh-CN",
        "name": "王小明",
        "phones": (Phone(phone_id="T-1", number="+8613800000001", source="contract"),),
        "emails": (Email(email_id="E-1", address="wang@example.com"),),
        "addresses": (Address(address_id="AD-1", kind="home", text="深圳市南山区", source="contract"),),
        "status": "active",
        "vulnerable": False,
        "consents": (),
    }
    return BorrowerRecorded(**{**values, **changes})


def night_consent(at):
    return Consent(consent_id="CO-1", kind="night_contact", given_at=at)


class Story:
    """What happens to one borrower; `carrier` says what becomes of each message: delivered, failed or silent."""

    def __init__(self, start=MORNING, policy=POLICY, carrier=None):
        self.clock = ManualClock(start)
        self.policy = policy
        self.paused = frozenset()
        self.bus = Bus([service()], self.clock, {"notifier": lambda _partition, _now: self._policy()})
        self.carrier = carrier or {}
        self.count = 0

    def _policy(self):
        return Policy(self.policy.rulebooks, self.policy.strategy, self.paused)

    @property
    def now(self):
        return self.clock.now()

    @property
    def today(self):
        return (self.now + timedelta(hours=8)).date()

    @property
    def state(self):
        return self.bus.state("notifier", BORROWER)

    def said(self, kind):
        return self.bus.said_of(kind)

    def say(self, *facts):
        self.bus.publish(*facts)
        return self

    def overdue(self, dpd=1, loan=LOAN, arrears=None, **changes):
        values = {
            "loan_id": loan,
            "borrower_id": BORROWER,
            "product": "consumer_loan",
            "currency": "CNY",
            "business_date": self.today,
            "oldest_due_date": self.today - timedelta(days=dpd),
            "days_past_due": dpd,
            "arrears": arrears or money(),
            "outstanding_principal": Decimal("9000.00"),
            "region": "CN-GD",
        }
        return self.say(LoanOverdue(**{**values, **changes}))

    def due_soon(self, loan=LOAN, days=3):
        return self.say(
            LoanDueSoon(
                loan_id=loan,
                borrower_id=BORROWER,
                product="consumer_loan",
                currency="CNY",
                due_date=self.today + timedelta(days=days),
                amount_due=Decimal("525.00"),
                business_date=self.today,
            )
        )

    def pays(self, left=NOTHING, dpd=0, loan=LOAN, amount="100.00", value_date=None, **changes):
        self.count += 1
        fact = LoanPaymentReceived(
            payment_id=f"PAY-{self.count}",
            loan_id=loan,
            borrower_id=BORROWER,
            currency="CNY",
            amount=Decimal(amount),
            value_date=value_date or self.today,
            arrears_after=left,
            days_past_due_after=dpd,
            **changes,
        )
        return self.say(fact)

    def cured(self, loan=LOAN):
        return self.say(LoanCured(loan_id=loan, borrower_id=BORROWER, business_date=self.today))

    def case(self):
        return self.say(
            CaseOpened(
                case_id="C-B-1-1",
                borrower_id=BORROWER,
                loan_ids=(LOAN,),
                products=("consumer_loan",),
                currency="CNY",
                arrears=money(),
                days_past_due=1,
                region="CN-GD",
                segment="standard",
                score=500,
                arm="champion",
                strategy="default",
                opened_at=self.now,
            )
        )

    def hold(self, reason, hold_id="H-B-1-1", until=None):
        ids = {"case_id": "C-B-1-1", "borrower_id": BORROWER}
        return self.say(HoldPlaced(**ids, hold_id=hold_id, reason=reason, until=until, placed_at=self.now))

    def release(self, reason, hold_id="H-B-1-1"):
        ids = {"case_id": "C-B-1-1", "borrower_id": BORROWER}
        return self.say(HoldReleased(**ids, hold_id=hold_id, reason=reason, why="over", released_at=self.now))

    def placed(self, placement_id="P-B-1-1", agency_id="A-south", proof_id="PF-1"):
        return self.say(
            PlacementActivated(
                case_id="C-B-1-1",
                borrower_id=BORROWER,
                placement_id=placement_id,
                agency_id=agency_id,
                loan_ids=(LOAN,),
                currency="CNY",
                arrears=money(),
                days_past_due=20,
                region="CN-GD",
                mandate_id="M-1",
                proof_id=proof_id,
                activated_at=self.now,
                ends_at=self.now + timedelta(days=30),
            )
        )

    def recalled(self, placement_id="P-B-1-1", agency_id="A-south"):
        return self.say(
            PlacementRecalled(
                case_id="C-B-1-1",
                borrower_id=BORROWER,
                placement_id=placement_id,
                agency_id=agency_id,
                reason="over",
                cause="officer",
                recalled_at=self.now,
                attest_by=self.now + timedelta(days=3),
            )
        )

    def permit(self, visit=1, proof_id="none", **changes):
        day = self.today + timedelta(days=1)
        start = datetime(day.year, day.month, day.day, 6, tzinfo=UTC)
        values = {
            "visit_id": f"V-B-1-{visit}",
            "borrower_id": BORROWER,
            "case_id": "C-B-1-1",
            "placement_id": "P-B-1-1",
            "agency_id": "A-south",
            "loan_ids": (LOAN,),
            "window_start": start,
            "window_end": start + timedelta(hours=3),
            "address_id": "AD-1",
            "place": "home",
            "team": ("S-1", "S-2"),
            "recording": True,
            "proof_id": proof_id,
            "attempt": visit,
            "requested_at": self.now,
        }
        return self.say(VisitPermitRequested(**{**values, **changes}))

    # -- carriers and time --------------------------------------------------------------------------------------------

    def command(self, decision, *given):
        return self.bus.command("notifier", BORROWER, handlers.command(decision, *given))

    def pending(self):
        return [c for c in self.state.contacts if c.state == "pending"]

    def send(self, contact_id):
        self.command(domain.claimed, contact_id)
        accepted = domain.Accepted(f"ref-{contact_id}", self.now, "v1", "0" * 64)
        return self.command(domain.submitted, contact_id, accepted)

    def deliver(self, contact_id):
        return self.command(domain.receipt, contact_id, domain.Delivered(self.now, f"ref-{contact_id}", "1" * 64))

    def carry(self):
        """Hand over all that is pending; each channel answers as the story says, delivered where it says nothing."""
        for contact in self.pending():
            self.send(contact.contact_id)
            fate = self.carrier.get(contact.channel, "delivered")
            if fate == "delivered":
                self.deliver(contact.contact_id)
            elif fate == "failed":
                self.command(domain.receipt, contact.contact_id, domain.Failed(self.now, "nobody there"))
        return self

    def days(self, number, hours=1):
        """Let days pass; carriers work every hour."""
        for _ in range(int(number * 24 / hours)):
            self.bus.advance(timedelta(hours=hours))
            self.carry()
        return self

    def until(self, moment):
        while self.now < moment:
            self.bus.advance(min(timedelta(hours=1), moment - self.now))
            self.carry()
        return self

    def answer(self, answer, notice_id="N-B-1-1", **changes):
        return self.command(domain.answer, domain.Answered(answer, notice_id, **changes))

    def ask(self, channel, point="T-1", **changes):
        """An officer asks for a contact, now where nothing else is said: the rules against it."""
        asked = domain.Asked(channel, "officer-1", changes.pop("at", self.now), contact_point=point, recording=True)
        (fact, *_) = self.command(domain.propose, replace(asked, **changes))
        return [reason.rule_id for reason in fact.data.reasons] if isinstance(fact.data, ContactDenied) else []

    # -- what came of it ----------------------------------------------------------------------------------------------

    def allowed(self):
        return [(a.purpose, a.channel) for a in self.said(ContactAllowed)]

    def denied(self):
        return [(d.purpose, d.channel, [r.rule_id for r in d.reasons]) for d in self.said(ContactDenied)]

    def rows(self):
        return {row["contact_id"]: row for row in self.bus.rows("notifier", contacts)}

    def decisions(self):
        return self.bus.rows("notifier", decisions)


def shanghai(day, hour=0, minute=0):
    """An instant by the clocks of Shanghai."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def day_of(instant):
    return (instant + timedelta(hours=8)).date()


__all__ = [name for name in dir() if name[0].isupper() or name in {"date", "known", "money", "shanghai", "day_of"}]
