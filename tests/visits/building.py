"""Builders with valid defaults: a test states only what matters to it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.agencies import Conduct, Evidence, VisitReported, VisitResult
from schemas.bank import (
    Address,
    BorrowerRecorded,
    LoanChargedOff,
    LoanClosed,
    LoanCured,
    LoanOverdue,
    LoanPaused,
    LoanPaymentReceived,
    LoanPaymentReversed,
    LoanRestructured,
    LoanResumed,
)
from schemas.cases import CaseClosed, HoldPlaced, HoldReleased, PlacementActivated, PlacementRecalled
from schemas.contacts import ContactAllowed, ContactDenied
from schemas.values import Arrears
from schemas.visits import VisitPermitRequested
from services.rulebook.packs import load_rulebook
from services.rulebook.strategy import load_strategy
from services.visits.domain.panel import Agency, Panel, Policy, Staff

BORROWER, LOAN, CASE, PLACEMENT, AGENCY, PROOF = "B-1", "L-1", "C-B-1-1", "P-B-1-1", "A-south", "PF-1"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, noon in Shanghai
CHINA = "Asia/Shanghai"
STAFF = tuple(Staff(f"S-{n}", f"badge-{n}", date(2030, 1, 1), ("CN-GD",)) for n in range(1, 7))
POLICY = Policy.of(load_strategy())


def agency(**changes: Any) -> Agency:
    values: dict[str, Any] = {"name": "South", "licensed_until": date(2030, 1, 1), "staff": STAFF}
    return Agency(AGENCY, **values | changes)


def panel(*agencies: Agency, policy: Policy = POLICY, **changes: Any) -> Panel:
    return Panel(policy, {a.agency_id: a for a in agencies or (agency(),)}, **changes)


def arrears(total: str = "1000.00") -> Arrears:
    return Arrears(principal=Decimal(total), interest=Decimal(0), fees=Decimal(0))


def home(address_id: str = "AD-1", **changes: Any) -> Address:
    values = {"kind": "home", "text": "1 Long Lane", "source": "contract"}
    return Address(address_id=address_id, **values | changes)


def recorded(*addresses: Address, **changes: Any) -> BorrowerRecorded:
    values: dict[str, Any] = {
        "borrower_id": BORROWER,
        "region": "CN-GD",
        "time_zone": CHINA,
        "language": "zh-CN",
        "name": "Li Lei",
        "addresses": addresses or (home(),),
        "status": "active",
        "vulnerable": False,
    }
    return BorrowerRecorded(**values | changes)


def overdue(loan_id: str = LOAN, total: str = "1000.00", **changes: Any) -> LoanOverdue:
    values: dict[str, Any] = {
        "loan_id": loan_id,
        "borrower_id": BORROWER,
        "product": "consumer_loan",
        "currency": "CNY",
        "business_date": date(2026, 3, 2),
        "oldest_due_date": date(2026, 2, 1),
        "days_past_due": 29,
        "arrears": arrears(total),
        "outstanding_principal": Decimal("9000.00"),
        "region": "CN-GD",
    }
    return LoanOverdue(**values | changes)


def paid(left: str = "0.00", amount: str = "100.00", loan_id: str = LOAN) -> LoanPaymentReceived:
    return LoanPaymentReceived(
        payment_id="PAY-1",
        loan_id=loan_id,
        borrower_id=BORROWER,
        currency="CNY",
        amount=Decimal(amount),
        value_date=date(2026, 3, 2),
        arrears_after=arrears(left),
        days_past_due_after=0,
    )


def taken_back(left: str = "1000.00", loan_id: str = LOAN) -> LoanPaymentReversed:
    return LoanPaymentReversed(
        payment_id="PAY-1",
        loan_id=loan_id,
        borrower_id=BORROWER,
        currency="CNY",
        amount=Decimal("100.00"),
        value_date=date(2026, 3, 2),
        arrears_after=arrears(left),
        days_past_due_after=30,
        reason="bounced",
    )


def cured(loan_id: str = LOAN) -> LoanCured:
    return LoanCured(loan_id=loan_id, borrower_id=BORROWER, business_date=date(2026, 3, 2))


def restructured(loan_id: str = LOAN) -> LoanRestructured:
    return LoanRestructured(
        loan_id=loan_id,
        borrower_id=BORROWER,
        business_date=date(2026, 3, 2),
        new_instalment_amount="90.00",
        first_due_date=date(2026, 4, 2),
        instalments=12,
        currency="CNY",
    )


def closed(loan_id: str = LOAN) -> LoanClosed:
    return LoanClosed(loan_id=loan_id, borrower_id=BORROWER, business_date=date(2026, 3, 2), reason="repaid")


def charged_off(loan_id: str = LOAN) -> LoanChargedOff:
    return LoanChargedOff(
        loan_id=loan_id,
        borrower_id=BORROWER,
        business_date=date(2026, 3, 2),
        amount=Decimal("9000.00"),
        currency="CNY",
    )


def paused(loan_id: str = LOAN, until: date | None = None) -> LoanPaused:
    return LoanPaused(
        loan_id=loan_id, borrower_id=BORROWER, from_date=date(2026, 3, 2), until_date=until, reason="goodwill"
    )


def resumed(loan_id: str = LOAN) -> LoanResumed:
    return LoanResumed(loan_id=loan_id, borrower_id=BORROWER, from_date=date(2026, 3, 2), reason="goodwill over")


def activated(*loans: str, now: datetime = NOON, **changes: Any) -> PlacementActivated:
    values: dict[str, Any] = {
        "case_id": CASE,
        "borrower_id": BORROWER,
        "placement_id": PLACEMENT,
        "agency_id": AGENCY,
        "loan_ids": loans or (LOAN,),
        "currency": "CNY",
        "arrears": arrears(),
        "days_past_due": 29,
        "region": "CN-GD",
        "mandate_id": "M-1",
        "proof_id": PROOF,
        "activated_at": now,
        "ends_at": now + timedelta(days=30),
    }
    return PlacementActivated(**values | changes)


def recalled(cause: str = "dispute", now: datetime = NOON, **changes: Any) -> PlacementRecalled:
    values: dict[str, Any] = {
        "case_id": CASE,
        "borrower_id": BORROWER,
        "placement_id": PLACEMENT,
        "agency_id": AGENCY,
        "reason": cause,
        "cause": cause,
        "recalled_at": now,
        "attest_by": now + timedelta(days=3),
    }
    return PlacementRecalled(**values | changes)


def case_closed(outcome: str = "cured", now: datetime = NOON) -> CaseClosed:
    return CaseClosed(
        case_id=CASE,
        borrower_id=BORROWER,
        outcome=outcome,  # type: ignore[arg-type]
        stage="placed",
        opened_at=now,
        closed_at=now,
        paid=Decimal(0),
        currency="CNY",
        loan_ids=(LOAN,),
    )


def hold(reason: str = "officer", hold_id: str = "H-B-1-1", now: datetime = NOON) -> HoldPlaced:
    return HoldPlaced(
        case_id=CASE,
        borrower_id=BORROWER,
        hold_id=hold_id,
        reason=reason,  # type: ignore[arg-type]
        placed_at=now,
    )


def released(reason: str = "officer", hold_id: str = "H-B-1-1", now: datetime = NOON) -> HoldReleased:
    return HoldReleased(
        case_id=CASE,
        borrower_id=BORROWER,
        hold_id=hold_id,
        reason=reason,  # type: ignore[arg-type]
        why="over",
        released_at=now,
    )


def _decision(asked: VisitPermitRequested, now: datetime) -> dict[str, Any]:
    return {
        "contact_id": asked.visit_id,
        "borrower_id": asked.borrower_id,
        "loan_ids": asked.loan_ids,
        "channel": "visit",
        "purpose": "visit",
        "proposed_by": asked.agency_id,
        "proposed_for": asked.window_start,
        "decided_at": now,
        "local_time": "12:00",
        "time_zone": CHINA,
        "rulebook": load_rulebook("CN").label,
        "known_as_of": now,
    }


def allowed(asked: VisitPermitRequested, now: datetime = NOON, **changes: Any) -> ContactAllowed:
    times = {"not_before": asked.window_start, "expires_at": asked.window_end}
    return ContactAllowed(**_decision(asked, now) | times | changes)


def denied(asked: VisitPermitRequested, now: datetime = NOON, retry_at: datetime | None = None) -> ContactDenied:
    return ContactDenied(**_decision(asked, now), retry_at=retry_at)


def evidence(kind: str = "video", digit: str = "a", at: datetime = NOON, **changes: Any) -> Evidence:
    return Evidence(kind=kind, digest=digit * 64, taken_at=at, **changes)  # type: ignore[arg-type]


def reported(
    asked: VisitPermitRequested,
    disposition: str = "not_home",
    arrived_at: datetime | None = None,
    team: Sequence[str] | None = None,
    **changes: Any,
) -> VisitReported:
    at = arrived_at or asked.window_start + timedelta(minutes=30)
    result = {"disposition": disposition, **changes.pop("result", {})}
    values: dict[str, Any] = {
        "report_id": f"R-{asked.visit_id}",
        "borrower_id": asked.borrower_id,
        "agency_id": asked.agency_id,
        "visit_id": asked.visit_id,
        "team": tuple(team or asked.team),
        "arrived_at": at,
        "ended_at": at + timedelta(minutes=20),
        "result": VisitResult(**result),
        "conduct": Conduct(identity_shown=True, recording_started_at=at - timedelta(minutes=2)),
        "evidence": (evidence(at=at),),
    }
    return VisitReported(**values | changes)


PROMISE = {"promised_on": date(2026, 3, 10), "promised_amount": Decimal("500.00"), "currency": "CNY"}
