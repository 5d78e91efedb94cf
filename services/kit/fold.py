"""The pure middle of every transaction: state and cause in; new state, events and rows out.

Raises what the service raises. The same functions serve the worker on Kafka, the bench on a database, and the bus.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha1
from typing import Generic, NamedTuple

from schemas.envelope import Event, Fact
from schemas.topics import Topic
from services.kit.partitions import partition_for, source_on
from services.kit.service import Context, Origin, R, Reaction, S, Service, Unfit, Write

NAMESPACE = uuid.UUID("7f6f2a52-0c3b-5d0e-9a51-3f9a4c1f6f10")
"""Ids of what is said derive from their cause in this namespace, so that a replay says the same."""

_NO_KEY = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What CloudEvents allows in no attribute: control characters, and halves of characters."""

_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class NotOurs(Exception):
    """The service said a fact that belongs on another owner's topic: a bug of the service."""


class Stuck(Exception):
    """A tick left `next_at` where it was; running it again would spin. A bug of the service."""


class Cause(NamedTuple):
    """What made a service decide: a fact, a timer or a command."""

    id: str
    source: str
    correlation: str
    happened: datetime
    recorded: datetime
    traceparent: str | None = None


def cause_of(event: Event[Fact], recorded: datetime) -> Cause:
    """A fact as a cause. The correlation is carried on from the first cause."""
    return Cause(
        event.id, event.source, event.correlationid or event.id, event.time, recorded, traceparent=event.traceparent
    )


def timer(service: str, borrower_id: str, version: int, due: datetime) -> Cause:
    """A due timer as a cause; the version of the state makes it unique and a replay finds the same."""
    name = f"timer/{service}/{borrower_id}/{version}"
    return Cause(name, f"/arrears/{service}/timers", name, due, due)


def command(service: str, key: str, now: datetime) -> Cause:
    """A person's command as a cause, by its idempotency key.

    The key becomes an attribute of all that is said because of it. Raises Unfit where no attribute may hold it:
    whoever reads what was said would find it unreadable.
    """
    if _NO_KEY.search(key):
        raise Unfit("an idempotency key holds no control character, like a tab or a line break")
    name = f"command/{service}/{key}"
    return Cause(name, f"/arrears/{service}/commands", name, now, now)


@dataclass(frozen=True, slots=True)
class Surroundings(Generic[R]):
    """What is the same for all decisions of one transaction, but for `reference`, which learns as things are said."""

    now: datetime
    known_as_of: datetime
    partition: int
    partitions: Callable[[Topic], int]
    seal: Callable[[Fact], Fact]

    def context(self, cause: Cause, reference: R) -> Context[R]:
        """What one decision may know."""
        return Context(self.now, cause.id, cause.happened, cause.recorded, self.known_as_of, self.partition, reference)


class Outcome(NamedTuple, Generic[S, R]):
    """All that one decision changes."""

    state: S
    next_at: datetime | None
    said: Sequence[Event[Fact]]
    writes: Sequence[Write]
    reference: R


def on_event(
    service: Service[S, R], state: S, event: Event[Fact], *, reference: R, around: Surroundings[R], origin: Origin
) -> Outcome[S, R]:
    """React to a fact and record it."""
    cause = cause_of(event, origin.recorded)
    handler = service.handlers[type(event.data)]
    reaction = handler(state, event.data, around.context(cause, reference))
    return outcome(service, reaction, cause, reference, around, writes=service.record(event, origin))


def on_timer(service: Service[S, R], state: S, cause: Cause, reference: R, around: Surroundings[R]) -> Outcome[S, R]:
    """Run the tick that is due. Raises Stuck when it did not move `next_at` on."""
    before = service.next_at(state)
    done = outcome(service, service.tick(state, around.context(cause, reference)), cause, reference, around)
    if done.next_at and done.next_at <= around.now and (before is None or done.next_at <= before):
        raise Stuck(f"tick left next_at at {done.next_at.isoformat()}")
    return done


def outcome(
    service: Service[S, R],
    reaction: Reaction[S],
    cause: Cause,
    reference: R,
    around: Surroundings[R],
    *,
    writes: Sequence[Write] = (),
) -> Outcome[S, R]:
    """Wrap what was said in its envelope, project it, and let the reference learn of it."""
    state, facts = reaction
    if not facts:
        return Outcome(state, service.next_at(state), (), writes, reference)
    said, rows = [], [*writes]
    for number, fact in enumerate(facts):
        event = _event(service, fact, number, cause, around)
        reference = service.learn(reference, event.data)
        rows += service.project(event)
        said.append(event)
    return Outcome(state, service.next_at(state), said, rows, reference)


def _event(service: Service[S, R], fact: Fact, number: int, cause: Cause, around: Surroundings[R]) -> Event[Fact]:
    topic = fact.TOPIC
    if topic.owner != service.name:
        raise NotOurs(f"{fact.TYPE} is said by {topic.owner}, not by {service.name}")
    return Event.saying(
        around.seal(fact),
        id=event_id(cause, service.name, number),
        source=_source(topic.stream, fact.key, around.partitions(topic)),
        time=around.now,
        causationid=cause.id,
        correlationid=cause.correlation,
        traceparent=cause.traceparent,
    )


def event_id(cause: Cause, service: str, number: int) -> str:
    """The id of the n-th thing a service says because of a cause."""
    name = f"{cause.source}\n{cause.id}\n{service}\n{number}"
    return uuid5(NAMESPACE.bytes, name.encode())


def uuid5(namespace: bytes, name: bytes) -> str:
    """RFC 9562 version 5 as text, as `str(uuid.uuid5(...))` in a third of its time: one for each event said."""
    h = sha1(namespace + name, usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


@lru_cache(100_000)
def _source(stream: str, key: str, partitions: int) -> str:
    return source_on(stream, partition_for(key.encode(), partitions))
