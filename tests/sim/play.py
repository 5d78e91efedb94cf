"""Plays one seed in both houses and judges it. A process keeps its houses from seed to seed."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Any

from services.kit.clock import ManualClock
from services.kit.service import Service
from services.kit.vault import vault_in_memory
from tests.sim import registry
from tests.sim.calm import Calm
from tests.sim.checks import _SEALED, Played, Violation, violations
from tests.sim.faulty import FAULTS, Faults, Faulty
from tests.sim.story import Story
from tests.sim.town import Town
from tests.sim.world import House, World

Services = Mapping[str, Service[Any, Any]]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one seed. seconds: of the processor, for both houses and the checks."""

    seed: int
    events: int
    deliveries: int
    trace: str
    violations: tuple[Violation, ...]
    faults: tuple[str, ...]
    acts: tuple[str, ...]
    happened: Mapping[str, int]
    types: Mapping[str, int]
    days: int
    seconds: float


@dataclass
class Stage:
    """Two houses, ready for any number of stories."""

    services: Services = field(default_factory=registry.services)

    def __post_init__(self) -> None:
        self.clock, vault = ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), vault_in_memory()
        self.calm, self.faulty = Calm(self.services, self.clock, vault), Faulty(self.services, self.clock, vault)

    def play(
        self, story: Story, *, acts: Collection[str] | None = None, faults: Collection[str] | None = None
    ) -> Result:
        """Play a story in both houses, with these acts and faults alone where they are given."""
        began = time.process_time()
        calm_world = World(story, self.clock, acts)
        self._live(calm_world, story, self.calm.enter(calm_world))
        world, fate = World(story, self.clock, acts), Faults(story.seed, FAULTS, faults)
        raised = self._fails(world, story, self.faulty.enter(world, fate))
        played = Played(self.calm, calm_world.published, self.faulty, world.published, self.clock.instant)
        found = raised or violations(played)
        return Result(
            story.seed,
            len(world.published),
            sum(row[1] for m in self.faulty.members.values() for row in m.database.table("positions").values()),
            trace(self.faulty),
            tuple(found),
            tuple(fate.named),
            tuple(world.acted),
            fate.happened,
            Counter(p.event.type for p in world.published),
            (self.clock.instant - story.steps[0].at).days if story.steps else 0,
            time.process_time() - began,
        )

    def _fails(self, world: World, story: Story, house: House) -> list[Violation]:
        """Live on the kit, where a fault may be answered with an exception that nobody there can answer."""
        try:
            self._live(world, story, house)
        except Exception as error:
            return [Violation("nothing is raised", f"{type(error).__name__}: {str(error)[:500]}")]
        return []

    def _live(self, world: World, story: Story, house: House) -> None:
        town = Town(world)
        world.run(house, town.hears, ((step.at, partial(town.does, step)) for step in story.steps))


def trace(house: Faulty) -> str:
    """One hash over every record on every topic, every position and every state, ciphertext apart."""
    digest = blake2b(digest_size=12)
    for stream in sorted(house.logs):
        for logged in house.logs[stream]:
            value = logged.item.record.value or b""
            text = _SEALED.sub("", value.decode()).encode() if b'"sealed"' in value else value
            digest.update(b"%d %b\n" % (logged.item.record.timestamp, text))
    for name in sorted(house.members):
        tables = house.members[name].database
        for table in ("positions", "states"):
            for key, row in sorted(tables.table(table).items()):
                digest.update(_SEALED.sub("", f"{name} {key} {row}\n").encode())
    return digest.hexdigest()
