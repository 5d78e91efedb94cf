"""What a service's `app.py` hands to the kit, and what the kit hands back to its pages and loops."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeAlias, TypeVar

from fastapi import FastAPI
from sqlalchemy import Engine

from schemas.envelope import Event, Fact
from services.kit.clock import Clock
from services.kit.service import Context, R, Reaction, S, Service
from services.kit.vault import Vault

S_run = TypeVar("S_run")
R_run = TypeVar("R_run")


@dataclass(frozen=True, slots=True)
class Asked(Generic[S, R]):
    """One command of many: `act` on one borrower's state, once per `key` and `request`."""

    borrower_id: str
    act: Callable[[S, Context[R]], Reaction[S]]
    key: str
    request: bytes = b""


Said: TypeAlias = Sequence[Event[Fact]]


class Runtime(Protocol[S_run, R_run]):
    """A running service as its API and its loops see it. Safe to use from any thread."""

    engine: Engine
    clock: Clock
    vault: Vault

    def command(
        self,
        borrower_id: str,
        act: Callable[[S_run, Context[R_run]], Reaction[S_run]],
        *,
        key: str,
        request: bytes = b"",
    ) -> Said:
        """Run `act` on one borrower's state in the same kind of transaction as a batch; answer what was said.

        `key` makes it idempotent: the same key with the same `request` answers what the first call said and changes
        nothing; with another `request` it raises KeyReused. `act` may raise Refused: nothing changes.
        """
        ...

    def commands(self, asked: Sequence[Asked[S_run, R_run]]) -> Sequence[Said | Exception]:
        """Run many in as few transactions as it takes; answer, in their order, what `command` would say or raise."""
        ...

    def state(self, borrower_id: str) -> S_run:
        """The borrower's committed state; a fresh one where nothing is known."""
        ...

    def states(self, borrower_ids: Collection[str]) -> Mapping[str, S_run]:
        """The committed states of many, by borrower."""
        ...

    def held(self, borrower_ids: Collection[str]) -> Set[str]:
        """Those whose records wait behind a dead letter: not all is known of them, so leave them in peace."""
        ...

    def looked_at(self, borrower_ids: Collection[str]) -> tuple[Mapping[str, S_run], Set[str]]:
        """`states` and `held` of these, as one moment shows them."""
        ...

    def partition_of(self, borrower_id: str) -> int:
        """The partition number of a borrower on every borrower-keyed topic (murmur2)."""
        ...

    def owned(self) -> frozenset[int]:
        """Partition numbers that this worker owns at this moment."""
        ...

    def known_as_of(self, partition: int) -> datetime:
        """Business instant up to which this partition's facts have been read and committed, by whoever owns it."""
        ...

    def fresh(self, partition: int) -> bool:
        """True while the partition is read to within FRESH_SECONDS (true seconds) of its log's end."""
        ...

    def wake(self, borrower_ids: Sequence[str]) -> None:
        """Have `tick` look at these borrowers at once."""
        ...


class KeyReused(Exception):
    """An idempotency key came again with another request. The caller made a mistake (HTTP 422); nothing changed."""


Loop = Callable[[Runtime[S_run, R_run]], Awaitable[None]]
"""Runs for the life of the worker; cancelled at the end. An exception is logged and the loop started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug(Generic[S, R]):
    """A service with its API and its background loops."""

    service: Service[S, R]
    api: Callable[[Runtime[S, R]], FastAPI]
    loops: Sequence[Loop[S, R]] = ()
