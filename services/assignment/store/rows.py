"""The rows that what assignment said becomes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Table

from schemas import agencies as agency
from schemas import cases as said
from schemas.envelope import Event, Fact
from services.assignment.store import tables
from services.kit.service import Change, Put, Write

Project: TypeAlias = Callable[[Any, Event[Fact]], Sequence[Write]]


def fields_of(fact: Fact, *names: str) -> dict[str, Any]:
    """Some fields of a fact as column values; lists and parts of facts as JSON."""
    return {name: _plain(getattr(fact, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def _change(table: Table, key: str, fact: Fact, *names: str, **more: Any) -> tuple[Write, ...]:
    """Change the row of the noun that the fact names."""
    return (Change(table, {key: getattr(fact, key)}, fields_of(fact, *names) | more),)


def _case_opened(fact: said.CaseOpened, _event: Event[Fact]) -> Sequence[Write]:
    names = ("case_id", "borrower_id", "loan_ids", "products", "currency", "days_past_due", "region", "segment")
    row = fields_of(fact, *names, "score", "arm", "strategy", "opened_at")
    arrears = {name: getattr(fact.arrears, name) for name in ("principal", "interest", "fees")}
    return (Put(tables.cases, row | arrears | {"stage": "open"}),)


def _segmented(fact: said.CaseSegmented, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.cases, "case_id", fact, "segment", "score")


def _stage_changed(fact: said.CaseStageChanged, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.cases, "case_id", fact, stage=fact.after)


def _case_closed(fact: said.CaseClosed, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.cases, "case_id", fact, "outcome", "via", "closed_at", "paid", "loan_ids")


def _case_reopened(fact: said.CaseReopened, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.cases, "case_id", fact, "reopened_at", outcome=None, via=None, closed_at=None)


def _offered(fact: said.PlacementOffered, event: Event[Fact]) -> Sequence[Write]:
    names = ("placement_id", "case_id", "borrower_id", "agency_id", "loan_ids", "currency", "days_past_due", "region")
    row = fields_of(
        fact, *names, "mandate_id", "proof_id", "attempt", "candidates", "reason", "offered_at", "answer_by"
    )
    partition = int(event.source.rsplit("/", 1)[-1])
    return (Put(tables.placements, row | {"arrears": fact.arrears.total, "partition": partition, "state": "offered"}),)


def _activated(fact: said.PlacementActivated, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.placements, "placement_id", fact, "activated_at", "ends_at", state="active")


def _refused(fact: said.PlacementRefused, _event: Event[Fact]) -> Sequence[Write]:
    more = {"state": "refused", "refused_at": fact.ended_at, "refusal": fact.reason}
    return _change(tables.placements, "placement_id", fact, **more)


def _recalled(fact: said.PlacementRecalled, _event: Event[Fact]) -> Sequence[Write]:
    more = {"state": "recalling", "recall_reason": fact.reason}
    return _change(tables.placements, "placement_id", fact, "recalled_at", "cause", "attest_by", **more)


def _ended(fact: said.PlacementEnded, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.placements, "placement_id", fact, "attested_at", "on_time", state="ended")


def _alarmed(fact: said.PlacementAlarmed, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.placements, "placement_id", fact, alarmed=True)


def _promise_made(fact: said.PromiseMade, _event: Event[Fact]) -> Sequence[Write]:
    names = ("promise_id", "case_id", "borrower_id", "loan_ids", "currency", "amount", "due_on", "via")
    return (
        Put(
            tables.promises, fields_of(fact, *names, "grace_days", "threshold_percent", "made_at") | {"state": "active"}
        ),
    )


def _promise_decided(state: str) -> Project:
    def project(fact: Any, _event: Event[Fact]) -> Sequence[Write]:
        return _change(tables.promises, "promise_id", fact, "paid", "decided_at", state=state)

    return project


def _promise_cancelled(fact: said.PromiseCancelled, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.promises, "promise_id", fact, "reason", "decided_at", state="cancelled")


def _promise_reopened(fact: said.PromiseReopened, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.promises, "promise_id", fact, "reopened_at", state="active", decided_at=None)


def _plan_proposed(fact: said.PlanProposed, _event: Event[Fact]) -> Sequence[Write]:
    names = ("plan_id", "case_id", "borrower_id", "loan_ids", "currency", "via", "instalments", "proposed_at")
    return (Put(tables.plans, fields_of(fact, *names) | {"state": "proposed"}),)


def _plan_accepted(fact: said.PlanAccepted, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.plans, "plan_id", fact, state="accepted", decided_at=fact.accepted_at)


def _plan_rejected(fact: said.PlanRejected, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.plans, "plan_id", fact, "reason", state="rejected", decided_at=fact.rejected_at)


def _instalment_missed(fact: said.PlanInstalmentMissed, _event: Event[Fact]) -> Sequence[Write]:
    return (Put(tables.missed, fields_of(fact, "plan_id", "due_on", "amount", "paid")),)


def _plan_completed(fact: said.PlanCompleted, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.plans, "plan_id", fact, "paid", state="completed", ended_at=fact.completed_at)


def _plan_defaulted(fact: said.PlanDefaulted, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.plans, "plan_id", fact, "paid", state="defaulted", ended_at=fact.defaulted_at)


def _plan_cancelled(fact: said.PlanCancelled, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.plans, "plan_id", fact, "paid", "reason", state="cancelled", ended_at=fact.cancelled_at)


def _hold_placed(fact: said.HoldPlaced, _event: Event[Fact]) -> Sequence[Write]:
    return (Put(tables.holds, fields_of(fact, "hold_id", "case_id", "borrower_id", "reason", "until", "placed_at")),)


def _hold_released(fact: said.HoldReleased, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.holds, "hold_id", fact, "released_at", "why")


def matter(kind: str, id_name: str, state: str, fact: Fact, **more: Any) -> Sequence[Write]:
    """A dispute, hardship or complaint, whoever told of it first."""
    row = {"matter_id": getattr(fact, id_name), "kind": kind, "state": state, **fields_of(fact, "borrower_id")}
    return (Put(tables.matters, row | more),)


def _hardship_granted(fact: said.HardshipGranted, _event: Event[Fact]) -> Sequence[Write]:
    more = {"decided_at": fact.granted_at, "reason": f"{fact.relief}: {fact.reason}", "case_id": fact.case_id}
    return matter("hardship", "hardship_id", "granted", fact, **more)


def _hardship_rejected(fact: said.HardshipRejected, _event: Event[Fact]) -> Sequence[Write]:
    more = {"decided_at": fact.rejected_at, **fields_of(fact, "case_id", "reason")}
    return matter("hardship", "hardship_id", "rejected", fact, **more)


def _dispute_resolved(fact: said.DisputeResolved, _event: Event[Fact]) -> Sequence[Write]:
    more = {"decided_at": fact.resolved_at, **fields_of(fact, "case_id", "reason")}
    return matter("dispute", "dispute_id", "upheld" if fact.upheld else "rejected", fact, **more)


def _complaint_received(fact: said.ComplaintReceived, _event: Event[Fact]) -> Sequence[Write]:
    more = {"opened_at": fact.received_at, **fields_of(fact, "case_id", "agency_id", "visit_id", "answer_by", "via")}
    return matter("complaint", "complaint_id", "open", fact, **more)


def _complaint_decided(state: str) -> Project:
    def project(fact: Any, _event: Event[Fact]) -> Sequence[Write]:
        return matter("complaint", "complaint_id", state, fact, **fields_of(fact, "decided_at", "reason"))

    return project


def _legal(state: str) -> Project:
    def project(fact: Any, _event: Event[Fact]) -> Sequence[Write]:
        names = ("decision_id", "case_id", "borrower_id", "loan_ids", "currency", "days_past_due", "reasons")
        row = fields_of(fact, *names, "limitation_expires_on") | {"arrears": fact.arrears.total, "state": state}
        if state == "recommended":
            return (
                Put(tables.legal_decisions, row | {"recommended_at": fact.decided_at, "decide_by": fact.decide_by}),
            )
        return (Put(tables.legal_decisions, row | {"decided_at": fact.decided_at}),)

    return project


def _legal_withdrawn(fact: said.LegalWithdrawn, _event: Event[Fact]) -> Sequence[Write]:
    more = {"state": "withdrawn", "decided_at": fact.withdrawn_at, "withdrawn_because": fact.reason}
    return _change(tables.legal_decisions, "decision_id", fact, **more)


def _payment_attributed(fact: said.PaymentAttributed, event: Event[Fact]) -> Sequence[Write]:
    names = ("payment_id", "case_id", "borrower_id", "loan_id", "currency", "amount", "attributed_to", "agency_id")
    row = fields_of(fact, *names, "placement_id", "promise_id", "plan_id", "reason", "value_date")
    return (Put(tables.payments, row | {"attribution_id": event.id, "said_at": event.time}),)


EXPENSE = "expense:agency_fees"
PAYABLE = "payable:agency:{agency_id}"


def _fee_accrued(fact: said.FeeAccrued, event: Event[Fact]) -> Sequence[Write]:
    return _entries(fact, event, debit=EXPENSE, credit=PAYABLE.format(agency_id=fact.agency_id))


def _fee_reversed(fact: said.FeeReversed, event: Event[Fact]) -> Sequence[Write]:
    return _entries(fact, event, debit=PAYABLE.format(agency_id=fact.agency_id), credit=EXPENSE)


def _entries(fact: said.FeeFact, event: Event[Fact], *, debit: str, credit: str) -> Sequence[Write]:
    """Two lines, one on each side, of the same amount: the ledger balances per transaction."""
    row = fields_of(fact, "fee_id", "payment_id", "case_id", "placement_id", "agency_id", "currency")
    row |= {"transaction_id": event.id, "said_at": event.time}
    zero = fact.amount - fact.amount
    return (
        Put(tables.ledger, row | {"line": 1, "account": debit, "debit": fact.amount, "credit": zero}),
        Put(tables.ledger, row | {"line": 2, "account": credit, "debit": zero, "credit": fact.amount}),
    )


def _repaired(fact: said.LoanRepaired, event: Event[Fact]) -> Sequence[Write]:
    row = fields_of(fact, "case_id", "borrower_id", "loan_id", "found", "business_date")
    return (Put(tables.repairs, row | {"repair_id": event.id}),)


def _registered(fact: agency.AgencyRegistered, _event: Event[Fact]) -> Sequence[Write]:
    names = ("agency_id", "name", "in_house", "regions", "products", "capacity", "target_share", "contact")
    return (Put(tables.agencies, fields_of(fact, *names)),)


def _licensed(fact: agency.AgencyLicensed, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.agencies, "agency_id", fact, "licence_number", "licensed_until", "inspected_on", "staff")


def _mandated(fact: agency.MandateSigned, _event: Event[Fact]) -> Sequence[Write]:
    more = {"mandate_from": fact.from_date, "mandate_until": fact.until_date}
    names = ("mandate_id", "authority", "fee_basis_points", "data_categories")
    return _change(tables.agencies, "agency_id", fact, *names, **more)


def _mandate_ended(fact: agency.MandateEnded, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.agencies, "agency_id", fact, mandate_id=None, mandate_until=fact.ended_on)


def _evaluated(fact: agency.AgencyEvaluated, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.agencies, "agency_id", fact, "evaluated_on", "conduct", "records", "recovery")


def _suspended(fact: agency.AgencySuspended, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.agencies, "agency_id", fact, "suspended_at", suspended=fact.reason or "suspended")


def _reinstated(fact: agency.AgencyReinstated, _event: Event[Fact]) -> Sequence[Write]:
    return _change(tables.agencies, "agency_id", fact, "reinstated_at", suspended=None, drained=False)


PROJECT: Mapping[type[Fact], Project] = {
    said.CaseOpened: _case_opened,
    said.CaseSegmented: _segmented,
    said.CaseStageChanged: _stage_changed,
    said.CaseClosed: _case_closed,
    said.CaseReopened: _case_reopened,
    said.PlacementOffered: _offered,
    said.PlacementActivated: _activated,
    said.PlacementRefused: _refused,
    said.PlacementRecalled: _recalled,
    said.PlacementEnded: _ended,
    said.PlacementAlarmed: _alarmed,
    said.PromiseMade: _promise_made,
    said.PromiseKept: _promise_decided("kept"),
    said.PromisePartlyKept: _promise_decided("partly_kept"),
    said.PromiseBroken: _promise_decided("broken"),
    said.PromiseCancelled: _promise_cancelled,
    said.PromiseReopened: _promise_reopened,
    said.PlanProposed: _plan_proposed,
    said.PlanAccepted: _plan_accepted,
    said.PlanRejected: _plan_rejected,
    said.PlanInstalmentMissed: _instalment_missed,
    said.PlanCompleted: _plan_completed,
    said.PlanDefaulted: _plan_defaulted,
    said.PlanCancelled: _plan_cancelled,
    said.HoldPlaced: _hold_placed,
    said.HoldReleased: _hold_released,
    said.HardshipGranted: _hardship_granted,
    said.HardshipRejected: _hardship_rejected,
    said.DisputeResolved: _dispute_resolved,
    said.ComplaintReceived: _complaint_received,
    said.ComplaintUpheld: _complaint_decided("upheld"),
    said.ComplaintRejected: _complaint_decided("rejected"),
    said.LegalRecommended: _legal("recommended"),
    said.LegalReferred: _legal("referred"),
    said.LegalNotPursued: _legal("not_pursued"),
    said.LegalWithdrawn: _legal_withdrawn,
    said.PaymentAttributed: _payment_attributed,
    said.FeeAccrued: _fee_accrued,
    said.FeeReversed: _fee_reversed,
    said.LoanRepaired: _repaired,
    agency.AgencyRegistered: _registered,
    agency.AgencyLicensed: _licensed,
    agency.MandateSigned: _mandated,
    agency.MandateEnded: _mandate_ended,
    agency.AgencyEvaluated: _evaluated,
    agency.AgencySuspended: _suspended,
    agency.AgencyReinstated: _reinstated,
}


def project(event: Event[Fact]) -> Sequence[Write]:
    """The rows of what assignment said."""
    rows = PROJECT.get(type(event.data))
    return rows(event.data, event) if rows else ()
