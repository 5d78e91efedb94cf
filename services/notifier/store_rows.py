"""How each fact said or read becomes rows of the read tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.agencies import AgencyRegistered
from schemas.bank import BorrowerRecorded
from schemas.contacts import (
    ContactAllowed,
    ContactCancelled,
    ContactDecision,
    ContactDenied,
    ContactSettled,
    NoticeAnswered,
    NoticeDelivered,
    NoticeFact,
    NoticeFailed,
    NoticeNotSubmitted,
    NoticeSent,
    NoticeSubmitting,
    NoticeUnknown,
)
from schemas.control import AgencyDrained, ControlFact, RulebookActivated, StrategyPaused, StrategyResumed
from schemas.envelope import Event, Fact
from schemas.values import Sealed
from services.kit.service import Change, Origin, Put, Write
from services.notifier.store import agencies, answers, borrowers, contacts, control, decisions, rulebooks

Values = Mapping[str, Any]

OURS = "notifier"
_DECISION = ("contact_id", "borrower_id", "channel", "purpose", "party", "proposed_by", "proposed_for", "decided_at")
_KNOWLEDGE = ("local_time", "time_zone", "rulebook", "counters", "known_as_of", "inputs")


def project(event: Event[Fact]) -> Sequence[Write]:
    """Rows for what notifier says."""
    fact = event.data
    if isinstance(fact, ContactAllowed):
        return (_decided(event.id, fact), Put(contacts, _contact(fact, _partition(event))))
    if isinstance(fact, ContactDenied):
        return (_decided(event.id, fact),)
    if isinstance(fact, NoticeAnswered):
        return (_answer(fact),)
    if isinstance(fact, ContactCancelled):
        return (_change(fact.contact_id, {"state": "cancelled", "reason": fact.reason}),)
    if isinstance(fact, ContactSettled):
        values = {"state": "settled", "reason": fact.outcome, "settled_at": fact.settled_at}
        return (_change(fact.contact_id, values),)
    return (_change(fact.notice_id, _notice(fact)),) if isinstance(fact, NoticeFact) else ()


def _change(contact_id: str, values: Values) -> Change:
    return Change(contacts, {"contact_id": contact_id}, values)


def _notice(fact: NoticeFact) -> Values:
    """What became of a notice, as columns of its row."""
    if isinstance(fact, NoticeSubmitting):
        return {"state": "submitting", "claimed_at": fact.claimed_at}
    if isinstance(fact, NoticeNotSubmitted):
        return {"state": "pending", "claimed_at": None}
    if isinstance(fact, NoticeSent):
        return {
            "state": "submitted",
            "submitted_at": fact.submitted_at,
            "carrier_reference": fact.carrier_reference,
            "template": fact.template,
            "language": fact.language,
        }
    if isinstance(fact, NoticeDelivered):
        proof = fact.proof.model_dump(mode="json")
        return {
            "state": "delivered",
            "delivered_at": fact.delivered_at,
            "settled_at": fact.proof.received_at,
            "proof": proof,
        }
    if isinstance(fact, NoticeFailed):
        return {"state": "failed", "settled_at": fact.failed_at, "reason": fact.reason}
    if isinstance(fact, NoticeUnknown):
        return {"state": "unknown", "settled_at": fact.since, "reason": fact.reason}
    raise TypeError(f"{type(fact).__name__} has no row")


def _contact(fact: ContactAllowed, partition: int) -> Values:
    return {
        "contact_id": fact.contact_id,
        "partition": partition,
        "borrower_id": fact.borrower_id,
        "case_id": fact.case_id,
        "loan_ids": list(fact.loan_ids),
        "channel": fact.channel,
        "purpose": fact.purpose,
        "step": fact.step,
        "state": "pending" if fact.proposed_by == OURS else "permitted",
        "proposed_by": fact.proposed_by,
        "not_before": fact.not_before,
        "expires_at": fact.expires_at,
        "language": fact.language,
        "template": fact.template,
        "amounts": _amounts(fact),
        "contact_point_id": fact.contact_point,
        "attempt": fact.attempt,
    }


def _amounts(fact: ContactAllowed) -> Values | None:
    if fact.arrears is None:
        return None
    due_date = fact.due_date.isoformat() if fact.due_date else None
    parts = {name: str(value) for name, value in fact.arrears.model_dump().items()}
    return {"currency": fact.currency, **parts, "days_past_due": fact.days_past_due, "due_date": due_date}


def _decided(event_id: str, fact: ContactDecision) -> Put:
    values = {name: getattr(fact, name) for name in (*_DECISION, *_KNOWLEDGE)}
    reasons = [reason.model_dump() for reason in fact.reasons]
    edges = {
        "allowed": isinstance(fact, ContactAllowed),
        "retry_at": fact.retry_at if isinstance(fact, ContactDenied) else None,
        "expires_at": fact.expires_at if isinstance(fact, ContactAllowed) else None,
    }
    return Put(decisions, {"decision_id": event_id, **values, "reasons": reasons, **edges})


def _answer(fact: NoticeAnswered) -> Put:
    details = fact.model_dump(
        mode="json",
        exclude_none=True,
        include={"promised_on", "amount", "currency", "instalments", "statement", "loan_ids"},
    )
    row = {name: getattr(fact, name) for name in ("answer_id", "notice_id", "borrower_id", "answer", "answered_at")}
    return Put(answers, {**row, "details": details})


def _partition(event: Event[Fact]) -> int:
    """The number at the end of the source in which the fact is counted."""
    return int(event.source.rpartition("/")[2])


# -- what others say --------------------------------------------------------------------------------------------------


def record(event: Event[Fact], origin: Origin) -> Sequence[Write]:
    """Rows for what notifier reads of others: contact data, agencies, control."""
    writer = RECORDED.get(type(event.data))
    return () if writer is None else writer(event.data, origin)


def _borrower(fact: BorrowerRecorded, origin: Origin) -> Sequence[Write]:
    row = {
        "borrower_id": fact.borrower_id,
        "region": fact.region,
        "time_zone": fact.time_zone,
        "language": fact.language,
        "status": fact.status,
        "name": _sealed(fact.name),
        "points": _points(fact),
        "recorded_at": origin.recorded,
    }
    return (Put(borrowers, row),)


def _points(fact: BorrowerRecorded) -> Values:
    """Contact points by id, each with its value sealed under the path that the vault knows it by."""
    found = {
        **{p.phone_id: ("phone", p.source, p.number) for p in _known(fact.phones)},
        **{e.email_id: ("email", e.source, e.address) for e in _known(fact.emails)},
        **{a.address_id: ("address", a.source, a.text) for a in _known(fact.addresses)},
    }
    return {key: {"channel": kind, "source": source, "value": _sealed(v)} for key, (kind, source, v) in found.items()}


def _known(points: Any) -> tuple[Any, ...]:
    return points if isinstance(points, tuple) else ()


def _sealed(value: str | Sealed) -> Values | None:
    """The ciphertext; a value in clear never reaches a table."""
    return value.model_dump() if isinstance(value, Sealed) else None


def _agency(fact: AgencyRegistered, _origin: Origin) -> Sequence[Write]:
    names = ("agency_id", "name", "contact", "in_house")
    return (Put(agencies, {name: getattr(fact, name) for name in names}),)


def _control(kind: str, state: str) -> Callable[[ControlFact, Origin], Sequence[Write]]:
    def write(fact: ControlFact, origin: Origin) -> Sequence[Write]:
        activated = isinstance(fact, RulebookActivated)
        row = {
            "target": fact.target,
            "kind": kind,
            "state": getattr(fact, "version", state),
            "reason": fact.reason,
            "said_by": fact.by,
            "effective_from": getattr(fact, "effective_from", None) if activated else origin.recorded,
        }
        return (Put(control, row),)

    return write


def _activated(fact: RulebookActivated, origin: Origin) -> Sequence[Write]:
    """What was said last, for people to see, and the version from its instant on."""
    row = {"target": fact.target, "effective_from": fact.effective_from, "version": fact.version}
    ordered = Put(rulebooks, {**row, "reason": fact.reason, "said_by": fact.by})
    return (*_control("rulebook", "activated")(fact, origin), ordered)


RECORDED: Mapping[type[Fact], Callable[[Any, Origin], Sequence[Write]]] = {
    BorrowerRecorded: _borrower,
    AgencyRegistered: _agency,
    StrategyPaused: _control("strategy", "paused"),
    StrategyResumed: _control("strategy", "resumed"),
    AgencyDrained: _control("agency", "drained"),
    RulebookActivated: _activated,
}
