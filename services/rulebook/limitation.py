"""Until when a claim can be enforced, and by what evidence (Civil Code 188, 189, 195; rule CN-REC-07).

The period is counted from the day on which the debt fell due, of a debt in instalments from the day of the last one
(189); where that is not known the oldest day past due is taken, which ends sooner. A demand that reached the debtor, an
acknowledgement, a suit or an arbitration begins it anew (195); a demand for a part covers the rest. Nothing begins anew
what has not begun, or what is over. The first day given as barred is a day early rather than a day late.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["demand", "acknowledgement", "suit", "arbitration"]
Receiver: TypeAlias = Literal["debtor", "co_resident_adult", "other"]
Verdict: TypeAlias = Literal["counts", "before it began", "after it was over", "not received for the debtor", "pending"]

PROCEDURES: frozenset[Kind] = frozenset({"suit", "arbitration"})


@dataclass(frozen=True, slots=True)
class Interruption:
    """Something that may begin the period anew, on a local day.

    evidence: the id of its proof, answer or file. through: the channel of a demand. received_by: who took a delivered
    document; a co-resident adult relative counts (limitation rules of the court, art. 8). ended_on: of a procedure.
    """

    kind: Kind
    on: date
    evidence: str
    through: str = ""
    received_by: Receiver = "debtor"
    ended_on: date | None = None

    @property
    def begins_on(self) -> date | None:
        """The day from which the period is counted anew; None while a procedure goes on."""
        return self.ended_on if self.kind in PROCEDURES else self.on


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: what happened, whether it counts, and until when the claim ran after it."""

    interruption: Interruption
    verdict: Verdict
    barred_from: date | None


@dataclass(frozen=True, slots=True)
class Limitation:
    """starts_on: the day it is counted from. barred_from: the first day on which it cannot be enforced any more, None
    while a suit or an arbitration goes on. restarted_by: the interruption that it is counted from, if any.
    """

    starts_on: date
    barred_from: date | None
    restarted_by: Interruption | None
    chain: tuple[Link, ...]

    def enforceable(self, on: date) -> bool:
        """Whether the claim can be enforced on a day."""
        return self.barred_from is None or on < self.barred_from


def limitation(
    fell_due: date, interruptions: Iterable[Interruption], years: int, last_instalment: date | None = None
) -> Limitation:
    """The state of the period after all that happened, with every link of the chain, also those that count for nothing.

    Two events on one day are taken in the order of their evidence's ids, so that the same facts give the same chain.
    """
    known = Limitation(start := last_instalment or fell_due, years_later(start, years), None, ())
    for event in sorted(interruptions, key=lambda e: (e.on, e.evidence)):
        known = _after(known, event, years)
    return known


def by_last_event(fell_due: date | None, last: Interruption | None, years: int) -> Limitation | None:
    """The state of the period by the last event that began it anew alone, which was judged when it came (`interrupts`).

    What fell due after that event has a period of its own. None where nothing is known; the chain is left out.
    """
    if last is None or (fell_due is not None and last.on < fell_due):
        return limitation(fell_due, (), years) if fell_due else None
    begins = last.begins_on
    return Limitation(begins or last.on, None if begins is None else years_later(begins, years), last, ())


def interrupts(starts_on: date | None, event: Interruption, years: int) -> bool:
    """Whether an event begins a period anew that is counted from a day (None: from a day that is not known)."""
    return starts_on is None or _verdict(starts_on, years_later(starts_on, years), event) in ("counts", "pending")


def years_later(day: date, years: int) -> date:
    """The same day years later; 29 February becomes 1 March where that year has none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _after(known: Limitation, event: Interruption, years: int) -> Limitation:
    verdict = _verdict(known.starts_on, known.barred_from, event)
    if verdict not in ("counts", "pending"):
        return _linked(known, Link(event, verdict, known.barred_from))
    begins = event.begins_on
    barred = None if begins is None else years_later(begins, years)
    restarted = Limitation(begins or event.on, barred, event, known.chain)
    return _linked(restarted, Link(event, verdict, barred))


def _linked(known: Limitation, link: Link) -> Limitation:
    chain: Sequence[Link] = (*known.chain, link)
    return Limitation(known.starts_on, known.barred_from, known.restarted_by, tuple(chain))


def _verdict(starts_on: date, barred_from: date | None, event: Interruption) -> Verdict:
    if event.received_by == "other":
        return "not received for the debtor"
    if event.on < starts_on:
        return "before it began"
    if barred_from is not None and event.on >= barred_from:
        return "after it was over"
    return "pending" if event.begins_on is None else "counts"
