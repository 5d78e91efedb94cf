"""A story of one borrower and the visits to them, on the bus, with the contact gate played by the test."""

from datetime import datetime, timedelta
from typing import Any

from schemas.agencies import VisitReported
from schemas.envelope import Fact
from schemas.visits import VisitPermitRequested
from services.kit.bus import Bus
from services.kit.clock import ManualClock
from services.visits.app import service
from services.visits.domain.door import Answer
from services.visits.domain.panel import Panel
from services.visits.domain.state import Borrower, Visit
from services.visits.handlers_commands import arrival, break_off
from tests.visits.building import BORROWER, NOON, activated, allowed, overdue, panel, recorded, reported

KEY = b"k" * 32


class Story:
    def __init__(self, reference: Panel | None = None, now: datetime = NOON) -> None:
        given = reference or panel()
        self.clock = ManualClock(now)
        self.bus = Bus([service(KEY)], self.clock, {"visits": lambda _partition, _now: given})

    @classmethod
    def placed(cls, *loans: str, reference: Panel | None = None) -> "Story":
        """A borrower past due, known, and entrusted: the first permit has been asked for."""
        story = cls(reference)
        story.hear(recorded(), *(overdue(loan) for loan in loans or ("L-1",)), activated(*loans))
        return story

    @classmethod
    def dispatched(cls, *loans: str, reference: Panel | None = None) -> "Story":
        story = cls.placed(*loans, reference=reference)
        story.allow()
        story.to_the_door()
        return story

    @classmethod
    def arrived(cls, *loans: str, reference: Panel | None = None) -> "Story":
        story = cls.dispatched(*loans, reference=reference)
        assert story.ask().go
        return story

    def hear(self, *facts: Fact) -> None:
        self.bus.publish(*facts)

    @property
    def state(self) -> Borrower:
        state = self.bus.state("visits", BORROWER)
        assert isinstance(state, Borrower)
        return state

    @property
    def visit(self) -> Visit:
        assert self.state.visit is not None
        return self.state.visit

    def visit_in(self, *stages: str) -> bool:
        return self.state.visit is not None and self.state.visit.stage in stages

    @property
    def asked(self) -> VisitPermitRequested:
        """The latest question to the contact gate."""
        return self.bus.said_of(VisitPermitRequested)[-1]

    def allow(self, **changes: Any) -> None:
        self.hear(allowed(self.asked, self.clock.now(), **changes))

    def to_the_door(self) -> None:
        self.bus.advance_to(self.asked.window_start + timedelta(minutes=30))

    def ask(self, *team: str, fresh: bool = True, visit_id: str = "") -> Answer:
        told: list[Answer] = []
        act = arrival(visit_id or self.asked.visit_id, team or self.asked.team, lambda: fresh, told)
        self.bus.command("visits", BORROWER, act)
        return told[0]

    def break_off(self, reason: str = "only children at home") -> None:
        self.bus.command("visits", BORROWER, break_off(self.asked.visit_id, reason))

    def report(self, disposition: str = "not_home", **changes: Any) -> VisitReported:
        fact = reported(self.asked, disposition, **{"arrived_at": self.clock.now(), **changes})
        self.bus.advance(timedelta(hours=1))
        self.hear(fact)
        return fact

    def said(self) -> list[str]:
        """Everything visits said so far, by type without version."""
        return [
            e.type.removesuffix(".v1") for e in self.bus.log if e.type.startswith("visit.") and "report" not in e.type
        ]
