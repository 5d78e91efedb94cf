"""A small world, and a bank in it that is played without broker and clock."""

import heapq
from collections.abc import Iterator
from datetime import timedelta

import pytest

from deploy.local.dealings import perform
from deploy.local.occasions import before, day, heard
from deploy.local.portfolio import World
from deploy.local.teller import Teller


class Play:
    """The bank, its actions performed in the order of their instants; `actions` and `events` are kept."""

    def __init__(self, world):
        self.bank, self.world = Teller(world), world
        self.actions, self.events = [], []
        self._agenda, self._count = [], 0
        self.note(before(self.bank))

    def note(self, actions):
        for action in actions:
            self._count += 1
            heapq.heappush(self._agenda, (action.at, self._count, action))

    def hear(self, event):
        self.note(heard(self.bank, event))

    def through(self, days, begin=0):
        for number in range(begin, days):
            self.note(day(self.bank, self.world.first_day + timedelta(days=number)))
            self.until(self.world.start + timedelta(days=number + 1))
        return self

    def until(self, instant):
        while self._agenda and self._agenda[0][0] < instant:
            action = heapq.heappop(self._agenda)[2]
            self.actions.append(action)
            for event in perform(self.bank, action):
                self.events.append(event)
                self.hear(event)

    def said(self, kind) -> Iterator[object]:
        return (event.data for event in self.events if isinstance(event.data, kind))


@pytest.fixture(scope="session")
def quiet_play():
    """Sixty days of 300 loans during which nobody collects anything."""
    return Play(World(loans=300)).through(60)


@pytest.fixture
def play():
    """Call it with a world for a bank that is about to open."""
    return Play
