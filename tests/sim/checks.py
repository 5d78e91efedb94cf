"""What must be true of every story, by the promises of the design alone: nothing here asks a service how it decided.

Each check looks at what was published (in order, with instants), at the states, and at the tables, and names what it
finds wrong. `violations` runs all of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from schemas import agencies, bank, cases, contacts, visits
from schemas.envelope import Event, Fact
from schemas.topics import ASSIGNMENT, REPORTING
from schemas.values import Sealed
from services.kit.states import Codec
from tests.sim import registry
from tests.sim.calm import Calm
from tests.sim.faulty import Faulty
from tests.sim.stops import Stops
from tests.sim.story import when
from tests.sim.world import DECIDING, Published

STATE_BYTES_MAX = 24_000
ZERO = Decimal("0.00")
CENT = Decimal("0.01")
OFTEN = {"sms": (2, 1), "email": (2, 1), "letter": (1, 1), "visit": (1, 7)}
"""How many contacts of a channel within how many local days (rules CN-FREQ-05, CN-VIS-07)."""

ANSWERED_WITHIN = timedelta(days=6)
"""A review takes three days; a service may be away for the better part of a day, twice."""

FATES = (contacts.NoticeSent, contacts.NoticeDelivered, contacts.NoticeFailed, contacts.NoticeUnknown)
ENDS = (visits.VisitCompleted, visits.VisitNoContact, visits.VisitRefused, visits.VisitCancelled, visits.VisitAborted)
CODECS = {name: Codec(service) for name, service in registry.services().items()}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TIMER = re.compile(r"timer/(\w+)/([^/\"]+)/\d+")
_SEALED = re.compile(r'"sealed":"[^"]*","key":"[^"]*"')


@dataclass(frozen=True, slots=True)
class Violation:
    """What was promised and is not so."""

    check: str
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


@dataclass(frozen=True, slots=True)
class Played:
    """A story as both houses lived it."""

    calm: Calm
    calm_said: Sequence[Published]
    faulty: Faulty
    said: Sequence[Published]
    ended: datetime


def violations(played: Played) -> list[Violation]:
    """All that is wrong, most telling first."""
    found = []
    for check in CHECKS:
        name = check.__name__.strip("_").replace("_", " ")
        found += [Violation(name, what) for what in check(played)]
    return found


# -- once -------------------------------------------------------------------------------------------------------------


def _nothing_was_applied_twice_by_a_stale_worker(played: Played) -> Iterator[str]:
    yield from played.faulty.steps


def _faults_change_nothing_that_is_said(played: Played) -> Iterator[str]:
    """Per topic and borrower the same facts at the same instants in the same order, ids of causes apart."""
    calm, faulty = _by_borrower(played.calm_said), _by_borrower(played.said)
    names = _Names(calm), _Names(faulty)
    for place in sorted(calm.keys() | faulty.keys()):
        here, there = calm.get(place, []), faulty.get(place, [])
        for a, b in zip(here, there, strict=False):
            if a.at != b.at or a.event.type != b.event.type:
                yield f"{place}: expected {_shown(a)}, found {_shown(b)}"
                break
            if not _same(a.event, b.event, names):
                words = (names[n].plain(_text(each.event)) for n, each in enumerate((a, b)))
                yield f"{place}: {a.event.type} at {when(a.at)}: {_difference(*words)}"
                break
        else:
            if len(here) != len(there):
                more, who = (there, "invented") if len(there) > len(here) else (here, "lost")
                yield f"{place}: {who} {_shown(more[min(len(here), len(there))])}"


def _by_borrower(said: Iterable[Published]) -> dict[tuple[str, str], list[Published]]:
    found: dict[tuple[str, str], list[Published]] = {}
    for published in said:
        found.setdefault((published.topic, published.event.data.key), []).append(published)
    return found


class _Names:
    """Names for events that do not depend on how often a state was saved: their place on topic and borrower."""

    def __init__(self, by_borrower: Mapping[tuple[str, str], list[Published]]) -> None:
        self._by_borrower = by_borrower
        self._names: dict[str, str] | None = None

    def plain(self, text: str) -> str:
        """The text with ids of causes and ciphertext replaced."""
        if self._names is None:
            self._names = {
                published.event.id: f"<{topic} {key} {number}>"
                for (topic, key), many in self._by_borrower.items()
                for number, published in enumerate(many)
            }
        names = self._names
        text = _UUID.sub(lambda found: names.get(found[0], found[0]), text)
        return _SEALED.sub('"sealed":"","key":""', _TIMER.sub(r"<timer \1 \2>", text))


def _same(a: Event[Fact], b: Event[Fact], names: tuple[_Names, _Names]) -> bool:
    return a.data == b.data or _plain(a.data, names[0]) == _plain(b.data, names[1])


def _plain(value: object, names: _Names) -> object:
    """A value whose equality does not depend on ciphertext, ids of causes, or the offset of an instant."""
    if isinstance(value, Sealed):
        return "<sealed>"
    if isinstance(value, BaseModel):
        return {name: _plain(part, names) for name, part in value}
    if isinstance(value, tuple | list):
        return [_plain(part, names) for part in value]
    if isinstance(value, dict):
        return {name: _plain(part, names) for name, part in value.items()}
    return names.plain(value) if isinstance(value, str) else value


def _text(event: Event[Fact]) -> str:
    return event.data.model_dump_json(exclude_none=True)


def _shown(published: Published) -> str:
    return f"{published.event.type} at {when(published.at)} {_text(published.event)[:300]}"


def _faults_change_no_state(played: Played) -> Iterator[str]:
    names = _Names(_by_borrower(played.calm_said)), _Names(_by_borrower(played.said))
    for name in DECIDING:
        calm = {b: CODECS[name].encode(known.state) for b, known in played.calm.members[name].states.items()}
        rows = played.faulty.members[name].database.table("states")
        for borrower_id in sorted(calm.keys() | rows.keys()):
            here = names[0].plain(calm.get(borrower_id, ""))
            there = names[1].plain(rows[borrower_id][3] if borrower_id in rows else "")
            if here != there and not _alike(name, borrower_id, here, there):
                yield f"{name} {borrower_id}: {_difference(here, there)}"


def _alike(name: str, borrower_id: str, here: str, there: str) -> bool:
    """A state that is equal (0 for 0.00), or that nothing has changed, need not be stored."""
    fresh = registry.services_of(name).fresh(borrower_id)
    one, other = (CODECS[name].decode(text) if text else fresh for text in (here, there))
    return bool(one == other)


def _difference(here: str, there: str) -> str:
    first = next((n for n, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    return f"expected …{here[max(0, first - 80) : first + 80]}… found …{there[max(0, first - 80) : first + 80]}…"


def _each_source_counts_without_a_gap(played: Played) -> Iterator[str]:
    """On the log, repeats included: each number comes first in its turn, and comes again only as it was."""
    for (topic, number), log in played.faulty.logs.items():
        last: dict[str, int] = {}
        values: dict[tuple[str, int], bytes | None] = {}
        for logged in log:
            event = logged.item.event
            if event is None or event.sequence is None:
                continue
            known = last.get(event.source, 0)
            if event.sequence > known + 1:
                yield f"{topic}/{number}: {event.source} goes from {known} to {event.sequence}"
            if values.setdefault((event.source, event.sequence), logged.item.record.value) != logged.item.record.value:
                yield f"{topic}/{number}: {event.source} {event.sequence} was said in two ways"
            last[event.source] = max(known, event.sequence)


def _one_id_is_one_fact(played: Played) -> Iterator[str]:
    seen: dict[tuple[str, str], Event[Fact]] = {}
    for published in played.said:
        event = published.event
        if seen.setdefault((event.source, event.id), event) is not event:
            yield f"{event.source} {event.id} names two facts: {event.type}"


def _time_does_not_run_backwards(played: Played) -> Iterator[str]:
    last: dict[tuple[str, str], datetime] = {}
    for published in played.said:
        event, place = published.event, (published.event.source, published.event.data.key)
        if event.time < last.get(place, event.time):
            yield f"{place}: {event.type} of {event.time} after {last[place]}"
        last[place] = event.time


def _nothing_is_buried_or_parked(played: Played) -> Iterator[str]:
    for name, member in played.faulty.members.items():
        for table in ("dead_letters", "parked", "gaps", "alarms"):
            for row in member.database.table(table).values():
                yield f"{name} {table}: {str(row)[:300]}"


def _everything_is_read_and_published(played: Played) -> Iterator[str]:
    for name, member in played.faulty.members.items():
        for (topic, number), (_, stored) in member.database.table("positions").items():
            new = [n for n, logged in enumerate(played.faulty.logs.get((topic, number), [])) if not logged.again]
            if new and stored <= new[-1]:
                yield f"{name} stands at {stored} of {topic}/{number}, which goes on to {new[-1]}"
        for (topic, number), (said, _) in member.database.table("sequences").items():
            line = member.lines.get((topic, number))
            if said and (line is None or line.next <= said):
                yield f"{name} has said {said} on {topic}/{number}, published {line.next - 1 if line else 0}"


def _no_timer_is_left_behind(played: Played) -> Iterator[str]:
    for name in DECIDING:
        for borrower_id, (_, _, next_at, document) in played.faulty.members[name].database.table("states").items():
            if next_at is not None and next_at < played.ended - timedelta(seconds=1):
                yield f"{name} {borrower_id} was due at {when(next_at)}"
            if len(document) > STATE_BYTES_MAX:
                yield f"{name} {borrower_id} holds {len(document)} bytes"


# -- money ------------------------------------------------------------------------------------------------------------


def _money_balances_to_the_cent(played: Played) -> Iterator[str]:
    """What came in less what was taken back is what was attributed, payment by payment."""
    told: dict[tuple[str, type[Fact]], Decimal] = {}
    attributed: dict[str, Decimal] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, bank.LoanPaymentReceived | bank.LoanPaymentReversed):
            told[fact.payment_id, type(fact)] = fact.amount  # told twice, it came once
        elif isinstance(fact, cases.PaymentAttributed):
            attributed[fact.payment_id] = attributed.get(fact.payment_id, ZERO) + fact.amount
    paid: dict[str, Decimal] = {}
    for (payment, kind), amount in told.items():
        paid[payment] = paid.get(payment, ZERO) + (amount if kind is bank.LoanPaymentReceived else -amount)
    for payment in sorted(paid.keys() | attributed.keys()):
        if paid.get(payment, ZERO) != attributed.get(payment, ZERO):
            yield f"{payment}: {paid.get(payment)} came, {attributed.get(payment)} was attributed"


def _fees_are_the_mandates_share(played: Played) -> Iterator[str]:
    credited: dict[str, Decimal] = {}
    agency: dict[str, str] = {}
    charged: dict[str, Decimal] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, cases.PaymentAttributed) and fact.attributed_to == "agency":
            credited[fact.payment_id] = credited.get(fact.payment_id, ZERO) + fact.amount
            agency[fact.payment_id] = fact.agency_id or ""
        elif isinstance(fact, cases.FeeAccrued | cases.FeeReversed):
            sign = 1 if isinstance(fact, cases.FeeAccrued) else -1
            charged[fact.payment_id] = charged.get(fact.payment_id, ZERO) + sign * fact.amount
    for payment in sorted(credited.keys() | charged.keys()):
        points = registry.BASIS_POINTS.get(agency.get(payment, ""), 0)
        due = (credited.get(payment, ZERO) * points / 10_000).quantize(CENT, ROUND_HALF_EVEN)
        if due != charged.get(payment, ZERO):
            yield f"{payment}: {charged.get(payment)} was charged for {credited.get(payment)}, {due} is due"


def _the_ledger_has_two_sides(played: Played) -> Iterator[str]:
    sides: dict[str, Decimal] = {}
    net = ZERO
    for row in played.faulty.members[ASSIGNMENT].database.table("ledger").values():
        sides[row["transaction_id"]] = sides.get(row["transaction_id"], ZERO) + row["debit"] - row["credit"]
        net += row["credit"] - row["debit"] if row["account"].startswith("agency") else ZERO
    yield from (f"transaction {transaction} is off by {off}" for transaction, off in sides.items() if off)


def _reporting_has_every_fact_once(played: Played) -> Iterator[str]:
    rows = played.faulty.members[REPORTING].database.table("facts").values()
    held = sorted((row["source"], row["event_id"]) for row in rows)
    wanted = sorted((p.event.source, p.event.id) for p in played.said if REPORTING in p.event.data.TOPIC.readers)
    if held != wanted:
        yield f"{len(held)} rows for {len(wanted)} facts"


def _reporting_counts_the_same_money(played: Played) -> Iterator[str]:
    told: dict[str, Decimal] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, bank.LoanPaymentReceived | bank.LoanPaymentReversed | cases.PaymentAttributed):
            told[fact.TYPE] = told.get(fact.TYPE, ZERO) + fact.amount
    for row in played.faulty.members[REPORTING].database.table("facts").values():
        if row["type"] in told:
            told[row["type"]] -= row["amount"]
    yield from (f"{type_} differs by {off}" for type_, off in told.items() if off)


# -- contact ----------------------------------------------------------------------------------------------------------


def _no_contact_after_a_stop(played: Played) -> Iterator[str]:
    stops = Stops()
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, contacts.NoticeSent | visits.VisitArrived):
            contact, at = _made(fact)
            yield from stops.wrongful(contact, fact.borrower_id, fact.loan_ids, at)
        stops.hear(fact, published.at)


def _no_contact_without_a_decision(played: Played) -> Iterator[str]:
    """Made only once, in the time that was allowed, and not after the permit was withdrawn."""
    allowed: dict[str, contacts.ContactAllowed] = {}
    made: set[str] = set()
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, contacts.ContactAllowed):
            allowed[fact.contact_id] = fact
        elif isinstance(fact, contacts.ContactCancelled):
            allowed.pop(fact.contact_id, None)
        elif isinstance(fact, contacts.NoticeSent | visits.VisitArrived):
            contact, at = _made(fact)
            permit = allowed.get(contact)
            if permit is None:
                yield f"{contact} was made without a permit"
            elif not permit.not_before <= at <= permit.expires_at:
                yield f"{contact} was made at {at}, allowed from {permit.not_before} until {permit.expires_at}"
            if contact in made:
                yield f"{contact} was made twice"
            made.add(contact)


def _no_contact_at_night_or_too_often(played: Played) -> Iterator[str]:
    """From 08:00 to 22:00 where the borrower lives; 2 text messages, 2 e-mails and a letter a day; a visit a week."""
    zones: dict[str, list[tuple[datetime, ZoneInfo]]] = {}
    days: dict[tuple[str, str], list[date]] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, bank.BorrowerRecorded):
            zones.setdefault(fact.borrower_id, []).append((published.at, ZoneInfo(fact.time_zone)))
        elif isinstance(fact, contacts.NoticeSent | visits.VisitArrived):
            contact, at = _made(fact)
            known = [zone for since, zone in zones.get(fact.borrower_id, []) if since < at - timedelta(seconds=1)]
            local = at.astimezone(known[-1]) if known else at
            if not known or not time(8) <= local.time() < time(22):
                yield f"{contact} was made at {local:%H:%M} local time"
            channel = fact.channel if isinstance(fact, contacts.NoticeSent) else "visit"
            if len(set(known)) == 1:
                yield from _too_often(contact, channel, local.date(), days.setdefault((fact.borrower_id, channel), []))


def _too_often(contact: str, channel: str, day: date, before: list[date]) -> Iterator[str]:
    most, within = OFTEN[channel]
    if sum(day - earlier < timedelta(days=within) for earlier in before) >= most:
        yield f"{contact} is one {channel} more than {most} within {within} days"
    before.append(day)


def _a_promise_is_what_was_paid(played: Played) -> Iterator[str]:
    """Kept from its threshold on, broken where nothing came, partly kept between; neither before grace has passed."""
    percent: dict[str, cases.PromiseMade] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, cases.PromiseMade):
            percent[fact.promise_id] = fact
        elif isinstance(fact, cases.PromiseKept | cases.PromisePartlyKept | cases.PromiseBroken):
            made = percent[fact.promise_id]
            reached = fact.paid * 100 >= made.amount * made.threshold_percent
            over = fact.decided_at >= _day_over(fact.due_on, made.grace_days)
            right = {
                cases.PromiseKept: reached,
                cases.PromisePartlyKept: over and not reached and fact.paid > 0,
                cases.PromiseBroken: over and fact.paid == 0,
            }
            if not right[type(fact)]:
                yield f"{fact.TYPE} of {fact.promise_id} with {fact.paid} of {made.amount} at {fact.decided_at}"


def _day_over(day: date, grace_days: int) -> datetime:
    """The end of a day and its grace in the easternmost of the zones that borrowers here have."""
    return datetime.combine(day + timedelta(days=grace_days + 1), time(), ZoneInfo("Asia/Shanghai"))


def _made(fact: contacts.NoticeSent | visits.VisitArrived) -> tuple[str, datetime]:
    if isinstance(fact, contacts.NoticeSent):
        return fact.notice_id, fact.submitted_at
    return fact.visit_id, fact.arrived_at


def _no_visit_without_proved_notice(played: Played) -> Iterator[str]:
    proofs: set[str] = set()
    silences: set[str] = set()
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, contacts.NoticeDelivered):
            proofs.add(fact.proof.proof_id)
        elif isinstance(fact, contacts.NoticeUnanswered):
            if not fact.notices or not {n.proof_id for n in fact.notices} <= proofs:
                yield f"the silence {fact.proof_id} rests on notices that were never delivered"
            silences.add(fact.proof_id)
        elif isinstance(fact, visits.VisitPlanned) and fact.proof_id not in silences:
            yield f"{fact.visit_id} was planned on the proof {fact.proof_id} that nobody gave"


# -- the case ---------------------------------------------------------------------------------------------------------


def _one_open_case_per_borrower(played: Played) -> Iterator[str]:
    standing: dict[str, str] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, cases.CaseOpened | cases.CaseReopened):
            if fact.borrower_id in standing:
                yield f"{fact.case_id} is opened while {standing[fact.borrower_id]} is open"
            standing[fact.borrower_id] = fact.case_id
        elif isinstance(fact, cases.CaseClosed) and standing.pop(fact.borrower_id, None) != fact.case_id:
            yield f"{fact.case_id} is closed and was not open"


def _one_active_placement_per_borrower(played: Played) -> Iterator[str]:
    at: dict[str, str] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, cases.PlacementOffered):
            if fact.borrower_id in at:
                yield f"{fact.placement_id} is offered while {at[fact.borrower_id]} stands"
            at[fact.borrower_id] = fact.placement_id
        elif isinstance(fact, cases.PlacementActivated) and at.get(fact.borrower_id) != fact.placement_id:
            yield f"{fact.placement_id} is active and was not offered"
        elif isinstance(fact, cases.PlacementRefused | cases.PlacementRecalled) and (
            at.pop(fact.borrower_id, None) != fact.placement_id
        ):
            yield f"{fact.placement_id} comes back and was not out"


@dataclass(frozen=True, slots=True)
class Life:
    """A thing that begins, may begin again, and ends in exactly one way."""

    begins: tuple[type[Fact], ...]
    ends: tuple[type[Fact], ...]
    id_of: Callable[[Any], str]
    again: tuple[type[Fact], ...] = ()
    loose: tuple[type[Fact], ...] = ()


LIVES = (
    Life((cases.CaseOpened,), (cases.CaseClosed,), lambda f: f.case_id, again=(cases.CaseReopened,)),
    Life((cases.PlacementOffered,), (cases.PlacementActivated, cases.PlacementRefused), lambda f: f.placement_id),
    Life((cases.PlacementActivated,), (cases.PlacementRecalled,), lambda f: f.placement_id),
    Life((cases.PlacementRecalled,), (cases.PlacementEnded,), lambda f: f.placement_id),
    Life(
        (cases.PromiseMade,),
        (cases.PromiseKept, cases.PromisePartlyKept, cases.PromiseBroken, cases.PromiseCancelled),
        lambda f: f.promise_id,
        again=(cases.PromiseReopened,),
    ),
    Life((cases.PlanAccepted,), (cases.PlanCompleted, cases.PlanDefaulted, cases.PlanCancelled), lambda f: f.plan_id),
    Life((cases.HoldPlaced,), (cases.HoldReleased,), lambda f: f.hold_id),
    Life((contacts.DisputeRaised,), (cases.DisputeResolved,), lambda f: f.dispute_id),
    Life((contacts.HardshipDeclared,), (cases.HardshipGranted, cases.HardshipRejected), lambda f: f.hardship_id),
    Life((visits.VisitPermitRequested,), ENDS, lambda f: f.visit_id),
    Life((visits.VisitArrived,), (*ENDS,), lambda f: f.visit_id, loose=(visits.VisitCancelled, visits.VisitAborted)),
)


def _whatever_begins_ends_once(played: Played) -> Iterator[str]:
    """Reporting's laws of lives: begun + begun again = ended + open, and nothing ends that has not begun."""
    for life in LIVES[:-1]:
        alive: dict[str, bool] = {}
        kinds = (*life.begins, *life.again, *life.ends)
        for published in played.said:
            fact = published.event.data
            if isinstance(fact, kinds):
                yield from _lives_on(life, fact, alive)


def _lives_on(life: Life, fact: Fact, alive: dict[str, bool]) -> Iterator[str]:
    name, begins = life.id_of(fact), isinstance(fact, (*life.begins, *life.again))
    known = alive.get(name)
    if begins and known is not None and (known or not isinstance(fact, life.again)):
        yield f"{name} begins a second time with {fact.TYPE}"
    if not begins and not known:
        yield f"{name} ends with {fact.TYPE} and was not alive"
    alive[name] = begins


def _what_the_borrower_says_is_answered(played: Played) -> Iterator[str]:
    """Each dispute and each hardship, also one that is said while another is under review."""
    waiting: dict[str, datetime] = {}
    for published in played.said:
        match published.event.data:
            case contacts.DisputeRaised(dispute_id=name) | contacts.HardshipDeclared(hardship_id=name):
                waiting[name] = published.at
            case (
                cases.DisputeResolved(dispute_id=name)
                | cases.HardshipGranted(hardship_id=name)
                | cases.HardshipRejected(hardship_id=name)
            ):
                waiting.pop(name, None)
    late = (name for name, at in waiting.items() if at < played.ended - ANSWERED_WITHIN)
    yield from (f"{name} was never answered" for name in late)


def _a_notice_has_one_fate(played: Played) -> Iterator[str]:
    """Sent, then delivered, failed or unknown; after unknown a receipt may still tell."""
    fates: dict[str, list[str]] = {}
    for published in played.said:
        fact = published.event.data
        if isinstance(fact, FATES):
            fates.setdefault(fact.notice_id, []).append(fact.TYPE.split(".")[1])
    for notice, fate in fates.items():
        if fate.count("sent") > 1 or ("sent" in fate and fate[0] != "sent") or len(set(fate)) != len(fate):
            yield f"{notice}: {' '.join(fate)}"
        if len(fate) > 2 and not (fate[:2] == ["sent", "unknown"] and len(fate) == 3):
            yield f"{notice}: {' '.join(fate)}"


def _no_report_is_lost(played: Played) -> Iterator[str]:
    """Every visitors' report becomes a result or is rejected, once."""
    told = [p.event.data for p in played.said if isinstance(p.event.data, agencies.VisitReported)]
    answered = sum(isinstance(p.event.data, (*ENDS[:3], visits.VisitReportRejected)) for p in played.said)
    if len(told) != answered:
        yield f"{len(told)} reports, {answered} answers"


CHECKS: tuple[Callable[[Played], Iterator[str]], ...] = (
    _nothing_was_applied_twice_by_a_stale_worker,
    _nothing_is_buried_or_parked,
    _no_contact_after_a_stop,
    _no_contact_without_a_decision,
    _no_visit_without_proved_notice,
    _no_contact_at_night_or_too_often,
    _a_promise_is_what_was_paid,
    _one_open_case_per_borrower,
    _one_active_placement_per_borrower,
    _whatever_begins_ends_once,
    _what_the_borrower_says_is_answered,
    _a_notice_has_one_fate,
    _no_report_is_lost,
    _money_balances_to_the_cent,
    _fees_are_the_mandates_share,
    _the_ledger_has_two_sides,
    _reporting_has_every_fact_once,
    _reporting_counts_the_same_money,
    _each_source_counts_without_a_gap,
    _one_id_is_one_fact,
    _time_does_not_run_backwards,
    _everything_is_read_and_published,
    _no_timer_is_left_behind,
    _faults_change_nothing_that_is_said,
    _faults_change_no_state,
)
