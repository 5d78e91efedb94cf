"""A town of one borrower: three real services on one bus; the test plays the bank, carriers, agency and people."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas.agencies import (
    Conduct,
    DataDeletionAttested,
    Evidence,
    PlacementAccepted,
    PlacementDeclined,
    VisitReported,
    VisitResult,
)
from schemas.bank import (
    Address,
    BorrowerRecorded,
    Email,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanDueSoon,
    LoanOverdue,
    LoanPaymentReceived,
    LoanPaymentReversed,
    Phone,
)
from schemas.cases import CaseClosed, PlacementOffered
from schemas.contacts import ContactAllowed
from schemas.values import Arrears
from schemas.visits import VisitDispatched
from services.assignment.app import service as assignment
from services.assignment.domain.choice import Agency as Entrusted
from services.assignment.domain.choice import Panel as Registry
from services.assignment.domain.moment import Reference
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.notifier import domain as notice
from services.notifier.app import service as notifier
from services.notifier.domain.moment import Policy as Rules
from services.notifier.handlers import command
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from services.visits.app import service as visits
from services.visits.domain.panel import Agency, Panel, Policy, Staff
from services.visits.handlers_commands import arrival

BORROWER, LOAN, AGENCY = "B-1", "L-1", "A-south"
MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # a Monday, 10:00 in Shanghai
DAY = timedelta(days=1)
STAFF = tuple(Staff(f"S-{n}", f"badge-{n}", date(2030, 1, 1), ("CN-GD",)) for n in range(1, 7))


def money(amount):
    return Decimal(str(amount)).quantize(Decimal("0.01"))


def arrears(total):
    return Arrears(principal=money(total), interest=money(0), fees=money(0))


def registry():
    """One agency that may do everything, and the in-house team."""
    south = Entrusted(
        AGENCY,
        name="South",
        regions=("CN-GD",),
        products=("*",),
        capacity=120,
        target_share=100,
        licensed_until=date(2029, 1, 1),
        inspected_on=date(2026, 1, 15),
        evaluated_on=date(2026, 1, 15),
        certified_until=(date(2028, 1, 1),) * 6,
        mandate_id="M-1",
        authority=("visit", "call"),
        mandate_from=date(2025, 1, 1),
        mandate_until=date(2028, 1, 1),
        basis_points=2000,
    )
    house = Entrusted("in-house", in_house=True, regions=("*",), products=("*",), capacity=1200, mandate_id="in-house")
    return Registry({each.agency_id: each for each in (south, house)})


class Town:
    """Everything that happens to one borrower, in words."""

    def __init__(self, **borrower):
        strategy = load_strategy()
        self.clock = ManualClock(MORNING)
        panel = Panel(
            Policy.of(strategy),
            {
                AGENCY: Agency(AGENCY, name="South", licensed_until=date(2030, 1, 1), staff=STAFF),
                "in-house": Agency("in-house", name="House", licensed_until=date(2030, 1, 1), staff=STAFF),
            },
        )
        rules, reference = Rules(load_rulebooks(), strategy), Reference(strategy, registry())
        self.bus = Bus(
            [notifier(), assignment(), visits(b"k" * 32)],
            self.clock,
            {
                "notifier": lambda _partition, _now: rules,
                "assignment": lambda _partition, _now: reference,
                "visits": lambda _partition, _now: panel,
            },
        )
        self.owed = {}
        self.submitted = {}
        self.silent_carrier = False
        self.accepting = True
        self.number = 0
        self.recorded(**borrower)

    # what was said

    def said(self, kind):
        return self.bus.said_of(kind)

    def types(self):
        return [event.type.removesuffix(".v1") for event in self.bus.log if event.source.startswith("/arrears")]

    def outcome(self):
        """How the case ended; None while it is open."""
        closed = self.said(CaseClosed)
        return closed[-1].outcome if closed else None

    @property
    def today(self):
        return self.clock.now().astimezone(UTC).date()

    def _name(self, what):
        self.number += 1
        return f"{what}-{self.number}"

    # the bank

    def recorded(self, status="active", **changes):
        known = {
            "borrower_id": BORROWER,
            "region": "CN-GD",
            "time_zone": "Asia/Shanghai",
            "language": "zh-CN",
            "name": "李雷",
            "phones": (
                Phone(phone_id="T-1", number="+8610000000001", source="contract", verified_on=date(2026, 1, 1)),
            ),
            "emails": (Email(email_id="M-1", address="li@example.com"),),
            "addresses": (Address(address_id="AD-1", kind="home", text="示例路1号", source="contract"),),
            "status": status,
            "vulnerable": False,
        }
        self.bus.publish(BorrowerRecorded(**(known | changes)))

    def due_soon(self):
        self.bus.publish(
            LoanDueSoon(
                loan_id=LOAN,
                borrower_id=BORROWER,
                product="consumer_loan",
                currency="CNY",
                due_date=self.today + 3 * DAY,
                amount_due=money(500),
                business_date=self.today,
            )
        )

    def overdue(self, dpd=1, total=5000, loan_id=LOAN, outstanding=20000):
        self.owed[loan_id] = money(total)
        self.bus.publish(
            LoanOverdue(
                loan_id=loan_id,
                borrower_id=BORROWER,
                product="consumer_loan",
                currency="CNY",
                business_date=self.today,
                oldest_due_date=self.today - dpd * DAY,
                days_past_due=dpd,
                arrears=arrears(total),
                outstanding_principal=money(outstanding),
                region="CN-GD",
            )
        )

    def pays(self, amount=None, loan_id=LOAN):
        amount = self.owed[loan_id] if amount is None else money(amount)
        self.owed[loan_id] = max(money(0), self.owed[loan_id] - amount)
        payment = LoanPaymentReceived(
            payment_id=self._name("PAY"),
            loan_id=loan_id,
            borrower_id=BORROWER,
            currency="CNY",
            amount=amount,
            value_date=self.today,
            arrears_after=arrears(self.owed[loan_id]),
            days_past_due_after=0 if self.owed[loan_id] == 0 else 5,
        )
        self.bus.publish(payment)
        if self.owed[loan_id] == 0:
            self.bus.publish(LoanCured(loan_id=loan_id, borrower_id=BORROWER, business_date=self.today))
        return payment

    def takes_back(self, payment):
        self.owed[payment.loan_id] += payment.amount
        kept = payment.model_dump(include={"payment_id", "loan_id", "borrower_id", "currency", "amount"})
        self.bus.publish(
            LoanPaymentReversed(
                **kept,
                value_date=self.today,
                arrears_after=arrears(self.owed[payment.loan_id]),
                days_past_due_after=30,
                reason="returned",
            )
        )

    def charged_off(self):
        self.bus.publish(
            LoanChargedOff(
                loan_id=LOAN, borrower_id=BORROWER, business_date=self.today, amount=money(20000), currency="CNY"
            )
        )

    def closes_loan(self):
        self.bus.publish(LoanClosed(loan_id=LOAN, borrower_id=BORROWER, business_date=self.today, reason="repaid"))

    # the carriers

    def pending(self):
        return [c for c in self.bus.state("notifier", BORROWER).contacts if c.state == "pending"]

    def carry(self):
        """Carriers take what may go out, and deliver it at once, unless they stay silent."""
        for contact in self.pending():
            if not contact.not_before <= self.clock.now() < contact.expires_at:
                continue
            self._do(notice.claimed, contact.contact_id)
            taken = notice.Accepted(f"ref-{contact.contact_id}", self.clock.now(), "1", "d" * 64)
            self._do(notice.submitted, contact.contact_id, taken)
            if not self.silent_carrier:
                self._arrives(contact, taken)

    def _arrives(self, contact, taken):
        if contact.channel == "letter":
            tracked = notice.Tracked("delivered", self.clock.now(), taken.reference, "d" * 64)
            self._do(notice.tracking, contact.contact_id, tracked)
        elif contact.channel == "sms":
            receipt = notice.Delivered(self.clock.now(), taken.reference, "d" * 64)
            self._do(notice.receipt, contact.contact_id, receipt)

    def _do(self, act, *arguments):
        self.bus.command("notifier", BORROWER, command(act, *arguments))

    # the borrower

    def answers(self, answer, **more):
        sent = [c.contact_id for c in self.said(ContactAllowed) if c.contact_id.startswith("N-")]
        self._do(notice.answer, notice.Answered(answer, sent[-1], **more))

    # the agency

    def work(self):
        """The agency answers offers, and its team asks at the door while the window is open."""
        for offer in self.said(PlacementOffered):
            if offer.agency_id == AGENCY and offer.placement_id not in self.submitted:
                self.submitted[offer.placement_id] = True
                self._reply(offer)

    def _reply(self, offer):
        named = {"borrower_id": BORROWER, "agency_id": AGENCY, "placement_id": offer.placement_id}
        now = self.clock.now()
        if self.accepting:
            self.bus.publish(PlacementAccepted(report_id=self._name("R"), accepted_at=now, **named))
        else:
            self.bus.publish(PlacementDeclined(report_id=self._name("R"), declined_at=now, reason="full", **named))

    def at_the_door(self, fresh=True):
        """The team of the latest visit asks: go or stop?"""
        visit = self.said(VisitDispatched)[-1]
        told = []
        act = arrival(visit.visit_id, visit.team, lambda: fresh, told)
        self.bus.command("visits", BORROWER, act)
        return told[0]

    def reports(self, disposition, **more):
        visit, now = self.said(VisitDispatched)[-1], self.clock.now()
        result = VisitResult(disposition=disposition, reason_for_default="unemployment", **more)
        video = Evidence(kind="video", digest="a" * 64, taken_at=now)
        self.bus.publish(
            VisitReported(
                report_id=self._name("R"),
                borrower_id=BORROWER,
                agency_id=visit.agency_id,
                visit_id=visit.visit_id,
                team=visit.team,
                arrived_at=now,
                ended_at=now + timedelta(minutes=20),
                result=result,
                conduct=Conduct(identity_shown=True, recording_started_at=now - timedelta(minutes=5)),
                evidence=(video,),
            )
        )

    def attests(self, placement_id):
        self.bus.publish(
            DataDeletionAttested(
                report_id=self._name("R"),
                borrower_id=BORROWER,
                agency_id=AGENCY,
                placement_id=placement_id,
                attested_at=self.clock.now(),
                method="erased",
            )
        )

    # time

    def hours(self, count=1):
        """Let time pass an hour at a time; carriers and agency do their work."""
        for _ in range(count):
            self.carry()
            self.work()
            self.bus.advance(timedelta(hours=1))
        self.carry()
        self.work()

    def until(self, kind, days=60):
        """Let time pass until a fact of this kind is said; answer it."""
        before = len(self.said(kind))
        for _ in range(days * 24):
            if len(self.said(kind)) > before:
                return self.said(kind)[-1]
            self.hours()
        raise AssertionError(f"no {kind.TYPE} within {days} days; said: {self.types()[-40:]}")
