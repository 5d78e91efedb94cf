"""What a decision of notifier may know besides state and fact. The kit's context has this shape."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from schemas.envelope import Fact
from services.notifier.domain.state import Borrower
from services.rulebook.packs import Rulebook
from services.rulebook.shelf import Shelf
from services.rulebook.strategy import Strategy

Said: TypeAlias = tuple[Fact, ...]
Reaction: TypeAlias = tuple[Borrower, Said]
"""The state that shall be, and what to say, in that order."""


class NotPossible(Exception):
    """A command asks for what this state does not allow. Nothing changes; the message says why."""


class NeverPossible(NotPossible):
    """A command names a value that no state would allow, like a promise for the next century."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule books with what ops activated, the strategy, and the strategies that ops have paused."""

    rulebooks: Shelf
    strategy: Strategy
    paused: frozenset[str] = frozenset()

    def rulebook_for(self, region: str, at: datetime) -> Rulebook | None:
        """The rule book in force at an instant in a region like CN-GD; None where the house has none for it."""
        return self.rulebooks.for_region(region, at)


class Moment(Protocol):
    """When and why something is decided, and by which policy."""

    @property
    def now(self) -> datetime:
        """The instant of this decision."""
        ...

    @property
    def happened(self) -> datetime:
        """The cause's own time."""
        ...

    @property
    def cause(self) -> str:
        """Id of the fact, timer or command."""
        ...

    @property
    def known_as_of(self) -> datetime:
        """Up to when stopping facts have been read."""
        ...

    @property
    def reference(self) -> Policy:
        """Rule books and strategy in force."""
        ...
