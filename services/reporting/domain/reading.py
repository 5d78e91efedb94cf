"""How each kind of fact is read into one row of the log: what it is about, in which words, how much, and when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import cast, get_args

from schemas import agencies, bank, cases, contacts, control, visits
from schemas.envelope import Fact
from schemas.values import PersonalData, Value

NO_CASE = "none"
"""`payment.attributed` names this case when none was open."""

COMMON_IDS = frozenset({"agency_id", "mandate_id", "address_id", "target"})
"""Ids that thousands of facts share; they are columns or details, not ways into a timeline."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a kind keeps what it is about, its word, a second word, its amount, and the instant of the act itself."""

    subject: str = ""
    label: str = ""
    detail: str = ""
    amount: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A fact as read. `ids` are all ids by which its timeline is found; `rules` those that denied or are exceeded."""

    subject_id: str | None
    label: str | None
    detail: str | None
    amount: Decimal | None
    currency: str | None
    at: datetime | None
    borrower_id: str | None
    case_id: str | None
    loan_id: str | None
    placement_id: str | None
    agency_id: str | None
    ids: tuple[str, ...]
    rules: tuple[str, ...]


_NOTICE = Reading("notice_id", "step", "channel")
_DECISION = Reading("contact_id", "purpose", "channel", at="decided_at")
_PROMISE = Reading("promise_id", amount="amount", at="decided_at")
_PLAN = Reading("plan_id", "reason", amount="paid")
_LEGAL = Reading("decision_id", amount="arrears.total", at="decided_at")
_FEE = Reading("payment_id", amount="amount")
_VISIT = Reading("visit_id", "result.disposition", "result.reason_for_default", at="arrived_at")
_LOAN = Reading("loan_id", "reason")
_PAYMENT = Reading("payment_id", amount="amount")
_AGENCY = Reading("agency_id", "reason")

READINGS: dict[type[Fact], Reading] = {
    bank.LoanDueSoon: Reading("loan_id", "product", amount="amount_due"),
    bank.LoanOverdue: Reading("loan_id", "product", "region", "arrears.total"),
    bank.LoanPaymentReceived: _PAYMENT,
    bank.LoanPaymentReversed: Reading("payment_id", "reason", amount="amount"),
    bank.LoanCured: Reading("loan_id"),
    bank.LoanClosed: _LOAN,
    bank.LoanChargedOff: Reading("loan_id", amount="amount"),
    bank.LoanPaused: _LOAN,
    bank.LoanResumed: _LOAN,
    bank.LoanRestructured: Reading("loan_id", amount="new_instalment_amount"),
    bank.BorrowerRecorded: Reading("borrower_id", "status", "region"),
    bank.BorrowerSnapshot: Reading("borrower_id"),
    agencies.AgencyRegistered: Reading("agency_id", "name"),
    agencies.AgencyLicensed: Reading("agency_id"),
    agencies.MandateSigned: Reading("mandate_id", amount="fee_basis_points"),
    agencies.MandateEnded: Reading("mandate_id"),
    agencies.AgencyEvaluated: Reading("agency_id"),
    agencies.AgencySuspended: _AGENCY,
    agencies.AgencyReinstated: _AGENCY,
    agencies.PlacementAccepted: Reading("placement_id", at="accepted_at"),
    agencies.PlacementDeclined: Reading("placement_id", "reason", at="declined_at"),
    agencies.PlacementReturned: Reading("placement_id", "reason", at="returned_at"),
    agencies.DataDeletionAttested: Reading("placement_id", "method", at="attested_at"),
    agencies.VisitReported: _VISIT,
    agencies.CallReported: Reading("contact_id", "disposition", at="called_at"),
    contacts.ContactAllowed: Reading("contact_id", "purpose", "channel", at="not_before"),
    contacts.ContactDenied: _DECISION,
    contacts.ContactCancelled: Reading("contact_id", "reason", "channel", at="cancelled_at"),
    contacts.ContactSettled: Reading("contact_id", "outcome", "channel", at="settled_at"),
    contacts.NoticeSubmitting: Reading("notice_id", "step", "channel", at="claimed_at"),
    contacts.NoticeNotSubmitted: Reading("notice_id", "step", "channel", at="since"),
    contacts.NoticeSent: Reading("notice_id", "step", "channel", "arrears.total", "submitted_at"),
    contacts.NoticeDelivered: Reading("notice_id", "step", "channel", at="delivered_at"),
    contacts.NoticeFailed: Reading("notice_id", "step", "channel", at="failed_at"),
    contacts.NoticeUnknown: Reading("notice_id", "step", "channel", at="since"),
    contacts.NoticeAnswered: Reading("notice_id", "answer", amount="amount", at="answered_at"),
    contacts.NoticeUnanswered: Reading("borrower_id", amount="arrears.total", at="window_ended_at"),
    contacts.DisputeRaised: Reading("dispute_id", "via", at="raised_at"),
    contacts.HardshipDeclared: Reading("hardship_id", "reason", "via", at="declared_at"),
    contacts.ContactStopRequested: Reading("request_id", "via", at="requested_at"),
    contacts.ContactTimesPreferred: Reading("request_id", "via", at="asked_at"),
    contacts.ConsentGiven: Reading("consent_id", "kind", at="given_at"),
    contacts.ConsentWithdrawn: Reading("consent_id", at="withdrawn_at"),
    cases.CaseOpened: Reading("case_id", "segment", "arm", "arrears.total", "opened_at"),
    cases.CaseSegmented: Reading("case_id", "segment", "reason"),
    cases.CaseStageChanged: Reading("case_id", "after", "before", at="changed_at"),
    cases.CaseClosed: Reading("case_id", "outcome", "stage", "paid", "closed_at"),
    cases.CaseReopened: Reading("case_id", "previous_outcome", "cause", at="reopened_at"),
    cases.PlacementOffered: Reading("placement_id", "reason", "mandate_id", "arrears.total", "offered_at"),
    cases.PlacementActivated: Reading("placement_id", "region", "mandate_id", "arrears.total", "activated_at"),
    cases.PlacementRefused: Reading("placement_id", "reason", at="ended_at"),
    cases.PlacementRecalled: Reading("placement_id", "cause", "reason", at="recalled_at"),
    cases.PlacementEnded: Reading("placement_id", "on_time", at="attested_at"),
    cases.PlacementAlarmed: Reading("placement_id", at="attest_by"),
    cases.PromiseMade: Reading("promise_id", "via", amount="amount", at="made_at"),
    cases.PromiseKept: _PROMISE,
    cases.PromisePartlyKept: _PROMISE,
    cases.PromiseBroken: _PROMISE,
    cases.PromiseCancelled: Reading("promise_id", "reason", amount="amount", at="decided_at"),
    cases.PromiseReopened: Reading("promise_id", amount="amount", at="reopened_at"),
    cases.PlanProposed: Reading("plan_id", "via", at="proposed_at"),
    cases.PlanAccepted: Reading("plan_id", at="accepted_at"),
    cases.PlanRejected: Reading("plan_id", "reason", at="rejected_at"),
    cases.PlanInstalmentMissed: Reading("plan_id", amount="amount"),
    cases.PlanCompleted: Reading("plan_id", amount="paid", at="completed_at"),
    cases.PlanDefaulted: Reading("plan_id", amount="paid", at="defaulted_at"),
    cases.PlanCancelled: Reading("plan_id", "reason", amount="paid", at="cancelled_at"),
    cases.HoldPlaced: Reading("hold_id", "reason", at="placed_at"),
    cases.HoldReleased: Reading("hold_id", "reason", "why", at="released_at"),
    cases.HardshipGranted: Reading("hardship_id", "relief", "reason", at="granted_at"),
    cases.HardshipRejected: Reading("hardship_id", "reason", at="rejected_at"),
    cases.DisputeResolved: Reading("dispute_id", "upheld", "reason", at="resolved_at"),
    cases.ComplaintReceived: Reading("complaint_id", "via", at="received_at"),
    cases.ComplaintUpheld: Reading("complaint_id", "reason", at="decided_at"),
    cases.ComplaintRejected: Reading("complaint_id", "reason", at="decided_at"),
    cases.LegalRecommended: _LEGAL,
    cases.LegalReferred: _LEGAL,
    cases.LegalNotPursued: _LEGAL,
    cases.LegalWithdrawn: Reading("decision_id", "reason", at="withdrawn_at"),
    cases.FeeAccrued: Reading("payment_id", "fee_id", "basis_points", "amount"),
    cases.FeeReversed: Reading("payment_id", "fee_id", "basis_points", "amount"),
    cases.PaymentAttributed: Reading("payment_id", "attributed_to", "reason", "amount"),
    cases.LoanRepaired: Reading("loan_id", "found", "status", "arrears.total"),
    cases.GapFound: Reading("loan_id", "missing.first", "missing.last", at="found_at"),
    visits.VisitPermitRequested: Reading("visit_id", "place", "attempt", at="requested_at"),
    visits.VisitPlanned: Reading("visit_id", "attempt", at="window_start"),
    visits.VisitAppointed: Reading("visit_id", "agreed", at="window_start"),
    visits.VisitDispatched: Reading("visit_id", at="dispatched_at"),
    visits.VisitArrived: Reading("visit_id", at="arrived_at"),
    visits.VisitCompleted: _VISIT,
    visits.VisitNoContact: _VISIT,
    visits.VisitRefused: _VISIT,
    visits.VisitCancelled: Reading("visit_id", "reason", "stage", at="cancelled_at"),
    visits.VisitAborted: Reading("visit_id", "reason", "at_door", at="aborted_at"),
    visits.VisitEvidenceSealed: Reading("visit_id", "complete", at="sealed_at"),
    visits.VisitHalted: Reading("visit_id", "reason", at="asked_at"),
    visits.VisitReportRejected: Reading("visit_id", "disposition", "reason", at="rejected_at"),
    visits.VisitsExhausted: Reading("placement_id", "reason", "attempts", at="decided_at"),
    control.StrategyPaused: Reading("target", "reason"),
    control.StrategyResumed: Reading("target", "reason"),
    control.AgencyDrained: Reading("target", "reason"),
    control.RulebookActivated: Reading("target", "version", at="effective_from"),
}
_PLAIN = Reading()


def read(fact: Fact) -> Read:
    """Read a fact into the columns of the log. A kind without an entry in the table keeps its ids only."""
    how = READINGS.get(type(fact), _PLAIN)
    case_id = _id(fact, "case_id")
    return Read(
        subject_id=_word(fact, how.subject),
        label=_word(fact, how.label),
        detail=_word(fact, how.detail),
        amount=_amount(fact, how.amount),
        currency=_id(fact, "currency"),
        at=cast("datetime | None", _value(fact, how.at)),
        borrower_id=_id(fact, "borrower_id"),
        case_id=None if case_id == NO_CASE else case_id,
        loan_id=_id(fact, "loan_id"),
        placement_id=_id(fact, "placement_id"),
        agency_id=_id(fact, "agency_id"),
        ids=tuple(dict.fromkeys(_ids(fact))),
        rules=_rules(fact),
    )


def _value(fact: object, path: str) -> object:
    for name in path.split(".") if path else ():
        fact = getattr(fact, name, None)
    return fact if path else None


def _word(fact: Fact, path: str) -> str | None:
    value = _value(fact, path)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def _id(fact: Fact, name: str) -> str | None:
    value = vars(fact).get(name)  # most facts lack most of the names, and pydantic is slow to say so
    return value if isinstance(value, str) else None


def _amount(fact: Fact, path: str) -> Decimal | None:
    value = _value(fact, path)
    return Decimal(value) if isinstance(value, int | Decimal) else None


def _ids(fact: Fact) -> Iterator[str]:
    for name in _id_fields(type(fact)):
        value = getattr(fact, name)
        if isinstance(value, str) and value != NO_CASE:
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, str))


@cache
def _id_fields(kind: type[Fact]) -> tuple[str, ...]:
    return tuple(name for name in kind.model_fields if name.endswith(("_id", "_ids")) and name not in COMMON_IDS)


def _rules(fact: Fact) -> tuple[str, ...]:
    if isinstance(fact, contacts.ContactSettled):
        return fact.exceeded
    if not isinstance(fact, contacts.ContactDenied):
        return ()
    return tuple(dict.fromkeys(reason.rule_id for reason in fact.reasons))


def impersonal(fact: Fact) -> dict[str, object]:
    """The fact's data without any field marked personal, at any depth; amounts and instants as in its JSON."""
    dumped = fact.model_dump(mode="json", exclude_none=True, exclude=_personal(type(fact)))  # type: ignore[arg-type]
    return cast("dict[str, object]", dumped)


@cache
def _personal(kind: type[Fact | Value]) -> dict[str, object]:
    """What to exclude, in the shape that pydantic's `exclude` takes."""
    found: dict[str, object] = {}
    for name, info in kind.model_fields.items():
        if _marked(info.metadata) or _marked_inside(info.annotation):
            found[name] = True
            continue
        for part, many in _parts(info.annotation):
            inner = _personal(part)
            if inner:
                found[name] = {"__all__": inner} if many else inner
    return found


def _marked(metadata: Iterable[object]) -> bool:
    return any(isinstance(mark, PersonalData) for mark in metadata)


def _marked_inside(annotation: object) -> bool:
    metadata = getattr(annotation, "__metadata__", ())
    return _marked(metadata) or any(_marked_inside(part) for part in get_args(annotation) if part is not Ellipsis)


def _parts(annotation: object, many: bool = False) -> Iterator[tuple[type[Value], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, Value):
        yield annotation, many
    for part in get_args(annotation):
        yield from _parts(part, many or getattr(annotation, "__origin__", None) is tuple)
