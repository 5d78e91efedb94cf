"""What is fresh: nothing, from the very moment at which a log ends before what was read of it."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import create_engine

from schemas.topics import LOANS
from services.kit.broker import Broker
from services.kit.clock import SYSTEM
from services.kit.freshness import Freshness
from services.kit.outbox import Stream

HERE = (LOANS.name, 0)


class Ends:
    """A broker by hand: where its logs end."""

    def __init__(self, end: int) -> None:
        self.end = end

    async def ends(self, streams: Iterable[Stream]) -> Mapping[Stream, int]:
        return dict.fromkeys(streams, self.end)


def freshness(broker: Ends) -> Freshness:
    nowhere = create_engine("postgresql+psycopg://127.0.0.1:1/none")
    made = Freshness(nowhere, SYSTEM, cast("Broker", cast("Any", broker)), [LOANS], {LOANS.name: 1})
    made.own(frozenset({0}), {HERE: 20})
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
