"""Looking back at recorded decisions: were they right by their own version, and what would another have said?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.values import JsonObject, Reason
from services.rulebook.gate import NO_RULEBOOK
from services.rulebook.packs import Rulebook
from services.rulebook.question import Decision
from services.rulebook.record import read, rerun
from services.rulebook.shape import Misshapen
from services.rulebook.shelf import Shelf

OF_THE_CASE = frozenset({"GATE-NOTHING-DUE", "GATE-PLACEMENT", "GATE-POINT", "GATE-WRONG-PERSON", "STRATEGY-PAUSED"})
"""Reasons that the case or ops give before any rule is asked: no rule book can confirm or lift them."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as it stands in the ledger. Instants aware; `inputs` is what the gate was told."""

    decision_id: str
    contact_id: str
    allowed: bool
    reasons: tuple[Reason, ...]
    counters: Mapping[str, int]
    rulebook: str
    local_time: str
    retry_at: datetime | None
    expires_at: datetime | None
    inputs: JsonObject

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Recorded":
        """From a row of the ledger's decisions."""
        names = ("decision_id", "contact_id", "allowed", "counters", "rulebook", "local_time", "retry_at", "expires_at")
        reasons = tuple(Reason(**reason) for reason in row["reasons"])
        return cls(**{name: row[name] for name in names}, reasons=reasons, inputs=row["inputs"])

    @property
    def own(self) -> tuple[Reason, ...]:
        """The reasons that the case itself gave."""
        return tuple(reason for reason in self.reasons if reason.rule_id in OF_THE_CASE)


def differences(recorded: Recorded, shelf: Shelf) -> tuple[str, ...]:
    """What is otherwise when a decision is made again under its own version; nothing means that it stands.

    Where the case itself forbade the contact, the ledger may name that alone: then what was counted, and the
    reasons of rules that are named, must be the same.
    """
    book = None if recorded.rulebook == NO_RULEBOOK else shelf.labelled(recorded.rulebook)
    if book is None and recorded.rulebook != NO_RULEBOOK:
        return (f"the rule book {recorded.rulebook} is not here",)
    try:
        again = rerun(recorded.inputs, book)
    except Misshapen as error:
        return (f"what it rested on cannot be read: {error}",)
    pairs = _of_case(recorded, again) if recorded.own else _whole(recorded, again)
    return tuple(f"{name}: recorded {was!r}, again {now!r}" for name, (was, now) in pairs.items() if was != now)


def _whole(recorded: Recorded, again: Decision) -> dict[str, tuple[object, object]]:
    return {
        "allowed": (recorded.allowed, again.allowed),
        "reasons": (recorded.reasons, again.reasons),
        "counters": (dict(recorded.counters), again.counters),
        "local_time": (recorded.local_time, again.local_time),
        "retry_at": (recorded.retry_at, again.retry_at),
        "expires_at": (recorded.expires_at, again.expires_at),
    }


def _of_case(recorded: Recorded, again: Decision) -> dict[str, tuple[object, object]]:
    rules = tuple(reason for reason in recorded.reasons if reason.rule_id not in OF_THE_CASE)
    return {
        "allowed": (recorded.allowed, False),
        "reasons": (rules, () if not rules or again.allowed else again.reasons),
        "counters": (dict(recorded.counters), again.counters),
        "local_time": (recorded.local_time, again.local_time),
    }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two rule books say to one recorded proposal; the case's own reasons are left out of both."""

    decision_id: str
    before: Decision
    after: Decision

    @property
    def change(self) -> str:
        """`same`, `newly denied`, `newly allowed`, `other reasons` or `other time`."""
        before, after = self.before, self.after
        if before.allowed != after.allowed:
            return "newly denied" if before.allowed else "newly allowed"
        if _ids(before) != _ids(after):
            return "other reasons"
        return "same" if (before.retry_at, before.expires_at) == (after.retry_at, after.expires_at) else "other time"

    @property
    def added(self) -> tuple[str, ...]:
        """The ids of the reasons that the second gives and the first does not."""
        return tuple(id_ for id_ in _ids(self.after) if id_ not in _ids(self.before))

    @property
    def removed(self) -> tuple[str, ...]:
        """The ids of the reasons that fall away."""
        return tuple(id_ for id_ in _ids(self.before) if id_ not in _ids(self.after))


def compare(recorded: Recorded, before: Rulebook, after: Rulebook) -> Comparison | None:
    """What each says to a recorded proposal; None where it is of another country. Raises Misshapen on foreign JSON."""
    profile = read(recorded.inputs).profile
    if profile is None or profile.region.partition("-")[0] not in (before.country, after.country):
        return None
    return Comparison(recorded.decision_id, rerun(recorded.inputs, before), rerun(recorded.inputs, after))


def _ids(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted(reason.rule_id for reason in decision.reasons))
