"""What all parts of the API share: the running service, its read tables, and the borrower's sealed values opened."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context
from sqlalchemy import Connection

from schemas.agencies import VisitReported
from schemas.envelope import Event, Fact
from schemas.values import Sealed
from schemas.visits import VisitReportRejected
from services.kit.pages import Pages
from services.kit.plug import Runtime
from services.kit.problem import NotFound
from services.kit.vault import NotOpened
from services.visits import handlers_commands as commands
from services.visits import queries
from services.visits.api.problems import NotApplied
from services.visits.api.said import kinds, quoted, worded
from services.visits.domain.conduct import Point, farthest_metres, point_of
from services.visits.domain.door import Answer
from services.visits.domain.panel import Panel
from services.visits.domain.state import CANCEL_REASONS, Borrower, Place, Seal, Stage
from services.visits.queries import Row

Visiting: TypeAlias = Runtime[Borrower, Panel]
T = TypeVar("T")
PAGES = Path(__file__).parents[1] / "pages"
TONE: Mapping[Stage, str] = {
    "permit_requested": "",
    "planned": "info",
    "appointed": "info",
    "dispatched": "info",
    "arrived": "go",
    "completed": "go",
    "no_contact": "warn",
    "refused": "warn",
    "cancelled": "stop",
    "aborted": "stop",
}
DOCUMENTS = frozenset({"letter_of_authority", "staff_credentials", "copy_of_notice", "statement_of_arrears"})
"""Documents that have a name in each language; another one is shown as the strategy writes it."""


@dataclass(frozen=True, slots=True)
class House:
    """Who sends the visitors, as a borrower is told: the lender's name by language, and the number to call."""

    name: Mapping[str, str]
    complaints: str


NOBODY = House({"zh-CN": "", "en": ""}, "")


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a visit goes, in clear, for the eyes of its team only."""

    name: str
    address: str
    point: Point | None
    zone: str


@pass_context
def _second(context: Context, value: datetime) -> str:
    """The time of day in the visit's place, to the second: how fresh an answer is."""
    return f"{value.astimezone(ZoneInfo(context['zone'])):%H:%M:%S}"


class Base:
    """The running service as the parts of the API use it."""

    def __init__(self, runtime: Visiting, house: House = NOBODY) -> None:
        self.runtime, self.house = runtime, house
        self.pages = Pages.of(PAGES)
        self.pages.environment.filters.update(second=_second, worded=worded, quoted=quoted, kinds=kinds)
        self.pages.environment.globals.update(tone=TONE, reasons=CANCEL_REASONS, documents=DOCUMENTS)

    def ask(self, query: Callable[[Connection], T]) -> T:
        """The answer of the read tables."""
        with self.runtime.engine.begin() as db:
            return query(db)

    def visit(self, visit_id: str) -> Row:
        """A visit by its id. Raises NotFound."""
        row = self.ask(lambda db: queries.visit(db, visit_id))
        if row is None:
            raise NotFound(f"no visit {visit_id} is known")
        return row

    def known_as_of(self, borrower_id: str) -> datetime:
        """Up to when the facts about a borrower are known."""
        return self.runtime.known_as_of(self.runtime.partition_of(borrower_id))

    def arrival(self, row: Row, team: Sequence[str]) -> Answer:
        """Ask at the door. Every question is a new one, whatever key it bears: an old "go" is no answer to a "now"."""
        borrower_id, told = row["borrower_id"], list[Answer]()
        held, partition = self.runtime.held([borrower_id]), self.runtime.partition_of(borrower_id)

        def is_fresh() -> bool:
            return not held and self.runtime.fresh(partition)

        act = commands.arrival(row["visit_id"], team, is_fresh, told)
        self.runtime.command(borrower_id, act, key=f"arrival/{row['visit_id']}/{uuid.uuid4()}")
        return told[0]

    def result(self, row: Row, report: VisitReported, key: str, request: bytes) -> Sequence[Event[Fact]]:
        """Take a result. Raises Wrong for what can be put right, NotApplied for what is too late or another's."""
        metres = farthest_metres(report.evidence, self.stop(row).point)
        said = self.runtime.command(row["borrower_id"], commands.result(report, metres), key=key, request=request)
        for event in said:
            if isinstance(event.data, VisitReportRejected):
                raise NotApplied(event.data.reason)
        return said

    def stop(self, row: Row) -> Stop:
        """Whom and where a visit is for. What cannot be opened is empty."""
        state = self.runtime.state(row["borrower_id"])
        profile = state.profile
        place = next((p for p in profile.places if p.address_id == row["address_id"]), None) if profile else None
        name = self._open(state.borrower_id, "name", profile.name if profile else None)
        text = self._open(state.borrower_id, "addresses.text", place.text if place else None)
        return Stop(name, text, self._point(state.borrower_id, place), profile.time_zone if profile else "UTC")

    def _point(self, borrower_id: str, place: Place | None) -> Point | None:
        latitude = self._open(borrower_id, "addresses.latitude", place.latitude if place else None)
        longitude = self._open(borrower_id, "addresses.longitude", place.longitude if place else None)
        return point_of(latitude, longitude)

    def _open(self, borrower_id: str, field: str, seal: Seal | None) -> str:
        if seal is None:
            return ""
        try:
            return self.runtime.vault.open(borrower_id, field, Sealed(sealed=seal.sealed, key=seal.key))
        except NotOpened:
            return ""
