"""A running service as its pages and loops see it (`plug.Runtime`), over the machinery."""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from datetime import datetime
from typing import Generic, Protocol

from sqlalchemy import Engine

from services.kit.clock import Clock
from services.kit.commands import Commands
from services.kit.plug import Asked, Said
from services.kit.service import Context, R, Reaction, S
from services.kit.timers import Timers
from services.kit.vault import Vault
from services.kit.work import Room


class Knowledge(Protocol):
    """What this worker owns, and up to when each partition's facts are known."""

    def owned(self) -> frozenset[int]:
        """Partition numbers that this worker owns."""
        ...

    def known_as_of(self, partition: int) -> datetime:
        """Business instant up to which the partition's facts have been read."""
        ...

    def fresh(self, partition: int) -> bool:
        """Whether that is recent enough to act on."""
        ...


class Running(Generic[S, R]):
    """Implements `plug.Runtime`. Safe to use from any thread."""

    def __init__(self, room: Room[S, R], vault: Vault, knowledge: Knowledge) -> None:
        self.engine: Engine = room.engine
        self.clock: Clock = room.clock
        self.vault = vault
        self._room = room
        self._knowledge = knowledge
        self._commands = Commands(room)
        self._timers = Timers(room)

    def command(
        self, borrower_id: str, act: Callable[[S, Context[R]], Reaction[S]], *, key: str, request: bytes = b""
    ) -> Said:
        """Run `act` on one borrower's state; answer what was said. Raises Refused and KeyReused."""
        return self._commands.run(Asked(borrower_id, act, key, request))

    def commands(self, asked: Sequence[Asked[S, R]]) -> Sequence[Said | Exception]:
        """Run many; answer, in their order, what `command` would say or raise."""
        return self._commands.run_all(asked)

    def state(self, borrower_id: str) -> S:
        """The borrower's committed state; a fresh one where nothing is known."""
        return self._commands.state(borrower_id)

    def states(self, borrower_ids: Collection[str]) -> Mapping[str, S]:
        """The committed states of many, by borrower."""
        return self._commands.states(borrower_ids)

    def held(self, borrower_ids: Collection[str]) -> Set[str]:
        """Those whose records wait behind a dead letter: not all is known of them, so leave them in peace."""
        return self._commands.held(borrower_ids)

    def looked_at(self, borrower_ids: Collection[str]) -> tuple[Mapping[str, S], Set[str]]:
        """`states` and `held` of these, as one moment shows them."""
        return self._commands.looked_at(borrower_ids)

    def partition_of(self, borrower_id: str) -> int:
        """The partition number of a borrower on every borrower-keyed topic."""
        return self._room.partition_of(borrower_id)

    def owned(self) -> frozenset[int]:
        """Partition numbers that this worker owns at this moment."""
        return self._knowledge.owned()

    def known_as_of(self, partition: int) -> datetime:
        """Business instant up to which this partition's facts have been read and committed, by whoever owns it."""
        return self._knowledge.known_as_of(partition)

    def fresh(self, partition: int) -> bool:
        """True while the partition is read to within FRESH_SECONDS of its log's end."""
        return self._knowledge.fresh(partition)

    def wake(self, borrower_ids: Sequence[str]) -> None:
        """Have `tick` look at these borrowers at once."""
        self._timers.wake(borrower_ids)
