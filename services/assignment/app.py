"""Assignment as the kit runs it: what it reads, what it decides with, and the loops beside the stream."""

from functools import partial
from pathlib import Path

from schemas.topics import ASSIGNMENT, topics_of
from services.assignment import handlers, loops
from services.assignment.api import api
from services.assignment.domain.moment import Reference
from services.assignment.domain.onward import next_at
from services.assignment.domain.state import State
from services.assignment.panel import DEFAULT
from services.assignment.store import queries, rows, tables
from services.kit.plug import Plug
from services.kit.service import Service
from services.kit.settings import Settings
from services.rulebook.strategy import load_strategy


class AssignmentSettings(Settings):
    """What assignment is told beyond what every service is."""

    strategy: str = "default-v1"
    panel: Path = DEFAULT
    """The agencies that an empty registry starts with."""


def service(strategy: str = "default-v1") -> Service[State, Reference]:
    """The service under a strategy."""
    return Service(
        name=ASSIGNMENT,
        reads=topics_of(ASSIGNMENT),
        state=State,
        fresh=State,
        handlers=handlers.HANDLERS,
        tick=handlers.tick,
        next_at=next_at,
        reference=partial(queries.reference, strategy=load_strategy(strategy)),
        learn=handlers.learn,
        metadata=tables.metadata,
        project=rows.project,
        record=rows.record,
    )


def plug(settings: AssignmentSettings) -> Plug[State, Reference]:
    """The service with its API and its loops."""
    assignment = service(settings.strategy)
    return Plug(
        service=assignment,
        api=api,
        loops=(
            partial(loops.seed_panel, path=settings.panel, jurisdiction=settings.jurisdiction),
            partial(loops.watch_agencies, complaint=load_strategy(settings.strategy).complaint),
        ),
    )
