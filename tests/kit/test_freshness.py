"""What is fresh: nothing, from the very moment at which a log ends before what was read of it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import create_engine

from schemas.topics import CASES, LOANS
from services.kit.broker import Broker
from services.kit.clock import SYSTEM
from services.kit.freshness import Freshness
from services.kit.outbox import Stream

HERE = (LOANS.name, 0)


class Ends:
    """A broker by hand: where its logs end; all alike but those that are named."""

    def __init__(self, end: int, but: Mapping[Stream, int] | None = None) -> None:
        self.end, self.but = end, dict(but or {})

    async def ends(self, streams: Iterable[Stream]) -> Mapping[Stream, int]:
        return {stream: self.but.get(stream, self.end) for stream in streams}


def freshness(broker: Ends, *also: Stream) -> Freshness:
    nowhere = create_engine("postgresql+psycopg://127.0.0.1:1/none")
    topics = [LOANS, *({CASES.name: CASES}[name] for name, _ in also if name != LOANS.name)]
    numbers = frozenset(number for _, number in (HERE, *also))
    made = Freshness(
        nowhere, SYSTEM, cast("Broker", cast("Any", broker)), topics, {t.name: len(numbers) for t in topics}
    )
    made.own(numbers, dict.fromkeys((HERE, *also), 20))
    return made


async def test_a_partition_that_is_read_to_its_end_is_fresh() -> None:
    watched = freshness(Ends(20))
    await watched._ask()
    assert watched.fresh(0)


async def test_nothing_is_fresh_from_the_moment_at_which_a_log_is_shorter_than_what_was_read() -> None:
    broker = Ends(20)
    watched = freshness(broker)
    await watched._ask()
    broker.end = 15
    await watched._ask()
    assert not watched.fresh(0)
    broker.end = 20
    await watched._ask()
    assert watched.fresh(0)


async def test_each_partition_number_is_as_fresh_as_its_own_topics() -> None:
    watched = freshness(Ends(20, {(LOANS.name, 1): 21, (CASES.name, 0): 25}), (LOANS.name, 1), (CASES.name, 0))
    watched.moved({(CASES.name, 1): 20})
    await watched._ask()
    assert [watched.fresh(number) for number in (0, 1)] == [False, False]
    watched.moved({(LOANS.name, 1): 21})
    assert [watched.fresh(number) for number in (0, 1)] == [False, True]
    watched.moved({(CASES.name, 0): 24})
    assert not watched.fresh(0)
    watched.moved({(CASES.name, 0): 25})
    assert watched.fresh(0)


async def test_what_is_known_is_as_old_as_the_latest_question_whose_ends_were_reached() -> None:
    broker = Ends(20)
    watched = freshness(broker)
    await watched._ask()
    known = watched.known_as_of(0)
    broker.end = 30
    await watched._ask()
    watched.moved({HERE: 29})
    assert watched.known_as_of(0) == known
    watched.moved({HERE: 30})
    assert watched.known_as_of(0) > known
