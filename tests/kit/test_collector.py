"""The cyclic collector runs when memory or time asks for it, and still finds cycles."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from services.kit import collector
from services.kit.collector import GROWN_BYTES, Collector


class Knot:
    def __init__(self) -> None:
        self.myself = self


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def tied() -> "weakref.ref[Knot]":
    return weakref.ref(Knot())


def test_garbage_in_cycles_goes_once_memory_has_grown() -> None:
    used = [0]
    mine = Collector(memory=lambda: used[0])
    mine.start().stop()
    assert not gc.isenabled()
    lost = tied()
    mine.look()
    assert lost() is not None
    used[0] = GROWN_BYTES + 1
    mine.look()
    assert lost() is None


def test_garbage_in_cycles_goes_after_a_while_however_little_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Collector(memory=lambda: 0)
    mine.collect()
    lost = tied()
    monkeypatch.setattr(collector, "SELDOM_SECONDS", -1.0)
    mine.look()
    assert lost() is None


def test_what_became_garbage_after_it_was_put_out_of_sight_goes_in_the_end() -> None:
    mine = Collector(memory=lambda: 0)
    knot = Knot()
    mine.collect()
    lost = weakref.ref(knot)
    del knot
    rounds = 0
    while lost() is not None:
        mine.collect()
        rounds += 1
        assert rounds <= collector.FROM_SCRATCH
