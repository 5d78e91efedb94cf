"""Assignment as the kit runs it: what it reads, what it decides with, and the loops beside the stream."""

from functools import partial
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from schemas.topics import ASSIGNMENT, topics_of
from services.assignment import handlers, loops
from services.assignment.api import api
from services.assignment.domain.moment import Reference
from services.assignment.domain.onward import next_at
from services.assignment.domain.state import State
from services.assignment.panel import DEFAULT, read_panel
from services.assignment.store import queries, record, rows, tables
from services.kit.plug import Plug
from services.kit.service import Service
from services.kit.settings import Settings
from services.rulebook.reading import BadPack
from services.rulebook.shelf import Shelf, known, load_rulebooks, readable
from services.rulebook.strategy import load_strategy


def _known_strategy(name: str) -> str:
    try:
        load_strategy(name)
    except (BadPack, OSError) as error:
        raise ValueError(f"is no strategy that can be read: {error}") from None
    return name


def _readable_panel(path: Path) -> Path:
    try:
        read_panel(path, "CN")
    except (ValueError, KeyError, OSError) as error:
        raise ValueError(f"{path} is no panel that can be read: {error}") from None
    return path


class AssignmentSettings(Settings):
    """What assignment is told beyond what every service is."""

    strategy: Annotated[str, AfterValidator(_known_strategy)] = "default-v1"
    rulebook_dir: Annotated[Path | None, AfterValidator(readable)] = None
    """A folder with rule books and calendars of the house's own, beside those that are shipped."""
    panel: Annotated[Path, AfterValidator(_readable_panel)] = DEFAULT
    """The agencies that an empty registry starts with."""

    @model_validator(mode="after")
    def _under_a_known_law(self) -> Self:
        known(self.jurisdiction, self.rulebook_dir)
        return self


def service(strategy: str = "default-v1", rulebooks: Shelf | None = None) -> Service[State, Reference]:
    """The service under a strategy and the rule books of the house."""
    shelf = rulebooks or load_rulebooks()
    return Service(
        name=ASSIGNMENT,
        reads=topics_of(ASSIGNMENT),
        state=State,
        fresh=State,
        handlers=handlers.HANDLERS,
        tick=handlers.tick,
        next_at=next_at,
        reference=partial(queries.reference, strategy=load_strategy(strategy), rulebooks=shelf),
        learn=handlers.learn,
        metadata=tables.metadata,
        project=rows.project,
        record=record.record,
    )


def plug(settings: AssignmentSettings) -> Plug[State, Reference]:
    """The service with its API and its loops."""
    assignment = service(settings.strategy, load_rulebooks(settings.rulebook_dir))
    return Plug(
        service=assignment,
        api=api,
        loops=(
            partial(loops.seed_panel, path=settings.panel, jurisdiction=settings.jurisdiction),
            partial(loops.watch_agencies, complaint=load_strategy(settings.strategy).complaint),
        ),
    )
