"""A borrower, a bank, a notifier and agencies in words; a story is told on the bus, with assignment alone on it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from schemas.agencies import (
    Conduct,
    DataDeletionAttested,
    PlacementAccepted,
    PlacementDeclined,
    PlacementReturned,
    VisitResult,
)
from schemas.bank import (
    BorrowerRecorded,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanResumed,
)
from schemas.cases import CaseClosed, CaseOpened, PlacementActivated, PlacementOffered, PlacementRecalled
from schemas.contacts import (
    ContactStopRequested,
    DisputeRaised,
    HardshipDeclared,
    NoticeAnswered,
    NoticeDelivered,
    NoticeUnanswered,
    Proof,
    ProvedNotice,
)
from schemas.values import Arrears
from schemas.visits import VisitCompleted, VisitDispatched, VisitNoContact, VisitRefused, VisitsExhausted
from services.assignment.app import service
from services.assignment.domain.choice import Agency, Panel
from services.assignment.domain.moment import Reference
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.rulebook.strategy import load_strategy

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
ONE_DAY = timedelta(days=1)


def money(text):
    return Decimal(str(text)).quantize(Decimal("0.01"))


def arrears(total=500):
    return Arrears(principal=money(total), interest=money(0), fees=money(0))


def agency(agency_id="A-red", **more):
    given = {
        "name": agency_id,
        "regions": ("CN-GD",),
        "products": ("*",),
        "capacity": 120,
        "target_share": 30,
        "licensed_until": date(2029, 1, 1),
        "inspected_on": date(2026, 1, 15),
        "evaluated_on": date(2026, 1, 15),
        "certified_until": (date(2028, 1, 1),) * 4,
        "mandate_id": f"M-{agency_id}-1",
        "authority": ("visit", "call"),
        "mandate_from": date(2025, 1, 1),
        "mandate_until": date(2028, 1, 1),
        "basis_points": 2000,
    }
    return Agency(agency_id, **(given | more))


def house(**more):
    return Agency(
        "in-house", in_house=True, regions=("*",), products=("*",), capacity=1200, mandate_id="in-house", **more
    )


def panel(*agencies):
    known = agencies or (agency("A-red"), agency("A-blue"), agency("A-green"), agency("A-gold"), house())
    return Panel({each.agency_id: each for each in known})


class Story:
    """One borrower and everybody around them."""

    def __init__(self, *agencies, borrower_id="b1", paused=False):
        self.borrower_id = borrower_id
        self.reference = Reference(load_strategy(), panel(*agencies), paused)
        self.clock = ManualClock(START)
        self.bus = Bus([service()], self.clock, {"assignment": lambda _partition, _now: self.reference})
        self.owed = {}
        self.told = 0

    @property
    def state(self):
        return self.bus.state("assignment", self.borrower_id)

    @property
    def today(self):
        return self.clock.now().date()

    def said(self, kind):
        return self.bus.said_of(kind)

    def last(self, kind):
        return self.said(kind)[-1]

    def outcomes(self):
        return [fact.outcome for fact in self.said(CaseClosed)]

    def kinds_since(self, mark):
        return [event.type.removesuffix(".v1") for event in self.bus.log[mark:] if event.source.startswith("/arrears")]

    def mark(self):
        return len(self.bus.log)

    def days(self, number=1):
        self.bus.advance(ONE_DAY * number)
        return self

    def _next(self):
        self.told += 1
        return self.told

    # core banking

    def overdue(self, total=500, loan_id="l1", dpd=5, outstanding=8000, **more):
        self.owed[loan_id] = money(total)
        given = {
            "loan_id": loan_id,
            "borrower_id": self.borrower_id,
            "product": "consumer_loan",
            "currency": "CNY",
            "business_date": self.today,
            "oldest_due_date": self.today - ONE_DAY * dpd,
            "days_past_due": dpd,
            "arrears": arrears(total),
            "outstanding_principal": money(outstanding),
            "region": "CN-GD",
        }
        self.bus.publish(LoanOverdue(**(given | more)))
        return self

    def pays(self, amount, loan_id="l1", payment_id=None, left=None, **more):
        payment_id = payment_id or f"pay-{self._next()}"
        left = max(money(0), self.owed.get(loan_id, money(0)) - money(amount)) if left is None else money(left)
        self.owed[loan_id] = left
        given = {
            "payment_id": payment_id,
            "loan_id": loan_id,
            "borrower_id": self.borrower_id,
            "currency": "CNY",
            "amount": money(amount),
            "value_date": self.today,
            "arrears_after": arrears(left),
            "days_past_due_after": 0 if left == 0 else 5,
        }
        self.bus.publish(LoanPaymentReceived(**(given | more)))
        return payment_id

    def takes_back(self, payment_id, amount, loan_id="l1", left=None):
        left = self.owed.get(loan_id, money(0)) + money(amount) if left is None else money(left)
        self.owed[loan_id] = left
        self.bus.publish(
            LoanPaymentReversed(
                payment_id=payment_id,
                loan_id=loan_id,
                borrower_id=self.borrower_id,
                currency="CNY",
                amount=money(amount),
                value_date=self.today,
                arrears_after=arrears(left),
                days_past_due_after=5 if left else 0,
                reason="bounced",
            )
        )
        return self

    def cured(self, loan_id="l1"):
        self.bus.publish(LoanCured(loan_id=loan_id, borrower_id=self.borrower_id, business_date=self.today))
        return self

    def loan_closed(self, loan_id="l1"):
        self.bus.publish(
            LoanClosed(loan_id=loan_id, borrower_id=self.borrower_id, business_date=self.today, reason="repaid early")
        )
        return self

    def charged_off(self, loan_id="l1"):
        self.bus.publish(
            LoanChargedOff(
                loan_id=loan_id,
                borrower_id=self.borrower_id,
                business_date=self.today,
                amount=money(500),
                currency="CNY",
            )
        )
        return self

    def paused(self, loan_id="l1", until=None):
        self.bus.publish(
            LoanPaused(
                loan_id=loan_id, borrower_id=self.borrower_id, from_date=self.today, until_date=until, reason="holiday"
            )
        )
        return self

    def resumed(self, loan_id="l1"):
        self.bus.publish(
            LoanResumed(loan_id=loan_id, borrower_id=self.borrower_id, from_date=self.today, reason="holiday over")
        )
        return self

    def recorded(self, status="active", vulnerable=False, region="CN-GD", time_zone="Asia/Shanghai"):
        self.bus.publish(
            BorrowerRecorded(
                borrower_id=self.borrower_id,
                region=region,
                time_zone=time_zone,
                language="zh-CN",
                name="王小明",
                status=status,
                vulnerable=vulnerable,
            )
        )
        return self

    # the borrower, as notifier tells it

    def delivered(self, step="notice", loan_ids=("l1",)):
        number = self._next()
        self.bus.publish(
            NoticeDelivered(
                notice_id=f"N-{number}",
                borrower_id=self.borrower_id,
                loan_ids=loan_ids,
                step=step,
                channel="sms",
                delivered_at=self.clock.now(),
                proof=Proof(
                    proof_id=f"proof-{number}",
                    kind="delivery_receipt",
                    carrier_reference="r",
                    received_at=self.clock.now(),
                    digest="d",
                ),
            )
        )
        return self

    def silent(self, loan_ids=("l1",)):
        now = self.clock.now()
        proved = ProvedNotice(notice_id="N-1", step="letter", channel="letter", delivered_at=now, proof_id="proof-1")
        self.bus.publish(
            NoticeUnanswered(
                borrower_id=self.borrower_id,
                loan_ids=loan_ids,
                currency="CNY",
                arrears=arrears(),
                days_past_due=15,
                notices=(proved,),
                response_window_days=5,
                window_ended_at=now,
                proof_id="proof-1",
            )
        )
        return self

    def answers(self, answer, answer_id=None, **more):
        self.bus.publish(
            NoticeAnswered(
                answer_id=answer_id or f"answer-{self._next()}",
                notice_id="N-1",
                borrower_id=self.borrower_id,
                loan_ids=("l1",),
                answer=answer,
                answered_at=self.clock.now(),
                **more,
            )
        )
        return self

    def promises(self, amount=500, in_days=5, **more):
        due = self.today + ONE_DAY * in_days
        return self.answers("promise", promised_on=due, amount=money(amount), currency="CNY", **more)

    def asks_for_plan(self, instalments=4):
        return self.answers("plan_request", instalments=instalments)

    def disputes(self, dispute_id="D-b1-1"):
        self.bus.publish(
            DisputeRaised(
                dispute_id=dispute_id,
                borrower_id=self.borrower_id,
                loan_ids=("l1",),
                raised_at=self.clock.now(),
                via="link",
            )
        )
        return self

    def hardship(self, reason="unemployment", hardship_id="HD-b1-1"):
        self.bus.publish(
            HardshipDeclared(
                hardship_id=hardship_id,
                borrower_id=self.borrower_id,
                loan_ids=("l1",),
                declared_at=self.clock.now(),
                via="link",
                reason=reason,
            )
        )
        return self

    def wants_no_contact(self, channels=()):
        self.bus.publish(
            ContactStopRequested(
                request_id="ST-1",
                borrower_id=self.borrower_id,
                requested_at=self.clock.now(),
                via="link",
                channels=channels,
            )
        )
        return self

    # agencies

    @property
    def offer(self):
        return self.last(PlacementOffered)

    @property
    def placement(self):
        return self.last(PlacementActivated)

    def _of(self, placement):
        return {
            "report_id": f"report-{self._next()}",
            "borrower_id": self.borrower_id,
            "agency_id": placement.agency_id,
            "placement_id": placement.placement_id,
        }

    def accepts(self, offer=None):
        self.bus.publish(PlacementAccepted(**self._of(offer or self.offer), accepted_at=self.clock.now()))
        return self

    def declines(self, offer=None):
        self.bus.publish(
            PlacementDeclined(**self._of(offer or self.offer), declined_at=self.clock.now(), reason="no team free")
        )
        return self

    def returns(self):
        self.bus.publish(
            PlacementReturned(**self._of(self.placement), returned_at=self.clock.now(), reason="conflict of interest")
        )
        return self

    def attests(self, placement=None):
        self.bus.publish(
            DataDeletionAttested(
                **self._of(placement or self.placement), attested_at=self.clock.now(), method="shredded"
            )
        )
        return self

    # visits

    def _visit(self, placement, visit_id):
        placement = placement or self.placement
        return {
            "visit_id": visit_id or f"V-{self._next()}",
            "borrower_id": self.borrower_id,
            "case_id": placement.case_id,
            "placement_id": placement.placement_id,
            "agency_id": placement.agency_id,
            "loan_ids": ("l1",),
        }

    def goes(self):
        self.bus.publish(
            VisitDispatched(**self._visit(None, None), dispatched_at=self.clock.now(), team=("S-1", "S-2"))
        )
        return self

    def visited(self, disposition, placement=None, visit_id=None, **result):
        now, found = self.clock.now(), VisitResult(disposition=disposition, **result)
        named = {**self._visit(placement, visit_id), "arrived_at": now, "reported_at": now, "on_time": True}
        shown = Conduct(identity_shown=True)
        if disposition in {"not_home", "moved", "address_invalid", "third_party_only"}:
            fact = VisitNoContact(**named, result=found, attempt=1, attempts_left=2)
        elif disposition == "refused":
            fact = VisitRefused(**named, result=found, conduct=shown)
        else:
            fact = VisitCompleted(**named, result=found, conduct=shown, completed_at=now)
        self.bus.publish(fact)
        return self

    def exhausted(self, reason="unreachable"):
        self.bus.publish(
            VisitsExhausted(
                borrower_id=self.borrower_id,
                case_id=self.placement.case_id,
                placement_id=self.placement.placement_id,
                agency_id=self.placement.agency_id,
                attempts=3,
                reason=reason,
                decided_at=self.clock.now(),
            )
        )
        return self

    # officers, and the registry

    def commands(self, act):
        return self.bus.command("assignment", self.borrower_id, act)

    def agency_changes(self, agency_id, **change):
        known = self.reference.panel
        self.reference = replace(self.reference, panel=known.having(replace(known.agencies[agency_id], **change)))
        self.bus.wake("assignment", self.borrower_id)
        return self

    # stages on the way

    def opened(self, total=500, **more):
        return self.overdue(total, **more)

    def noticed(self, total=500, **more):
        return self.overdue(total, **more).delivered().silent()

    def placed(self, total=500, **more):
        return self.noticed(total, **more).accepts()

    @property
    def case_id(self):
        return self.last(CaseOpened).case_id

    @property
    def recall(self):
        return self.last(PlacementRecalled)
