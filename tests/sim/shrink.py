"""Makes a failing story short: leaves out steps, spells, acts and faults, as long as it fails in the same way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.sim.play import Result, Stage
from tests.sim.story import Spell, Step, Story

Part: TypeAlias = tuple[str, Step | Spell | str]
"""Its kind (part of the story, act, or fault) and what it is."""

TRIES_MAX = 400
"""So many shorter stories are played at most."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A short story that fails as the long one did. tries: how many were played to find it."""

    story: Story
    acts: frozenset[str]
    faults: frozenset[str]
    result: Result
    before: int
    tries: int

    @property
    def size(self) -> int:
        """How many parts are left."""
        return len(self.story.parts) + len(self.acts) + len(self.faults)

    def lines(self) -> list[str]:
        """The story, to be read."""
        violation = next(v for v in self.result.violations)
        return [
            f"seed {self.story.seed}, made from {self.before} parts to {self.size} in {self.tries} tries:",
            *(f"  {step}" for step in self.story.steps),
            *(f"  {spell}" for spell in self.story.spells),
            *(f"  people: {act}" for act in sorted(self.acts)),
            *(f"  fault: {fault}" for fault in sorted(self.faults)),
            f"  then {violation}",
        ]


class Shrinker:
    """Plays shorter and shorter stories on one stage."""

    def __init__(self, stage: Stage, story: Story, result: Result, tries_max: int = TRIES_MAX) -> None:
        self._stage, self._story, self._check = stage, story, result.violations[0].check
        self._tries_max, self.tries = tries_max, 0
        self.last = result

    def shrink(self) -> Shrunk:
        """The shortest that is found in so many tries."""
        first = self.last
        parts: list[Part] = [
            *(("story", part) for part in self._story.lived(first.days)),
            *(("act", act) for act in first.acts),
            *(("fault", fault) for fault in first.faults),
        ]
        before = len(parts)
        for kind in ("fault", "story", "act", "fault"):
            parts = self._without(parts, kind)
        story, acts, faults = self._told(parts)
        return Shrunk(story, acts, faults, self.last, before, self.tries)

    def _without(self, parts: list[Part], kind: str) -> list[Part]:
        others, own = [p for p in parts if p[0] != kind], [p for p in parts if p[0] == kind]
        return others + minimised(own, lambda kept: self._still_fails(others + list(kept)))

    def _still_fails(self, parts: Sequence[Part]) -> bool:
        if self.tries >= self._tries_max:
            return False
        self.tries += 1
        story, acts, faults = self._told(parts)
        result = self._stage.play(story, acts=acts, faults=faults)
        fails = bool(result.violations) and result.violations[0].check == self._check
        self.last = result if fails else self.last
        return fails

    def _told(self, parts: Sequence[Part]) -> tuple[Story, frozenset[str], frozenset[str]]:
        story = self._story.having([what for kind, what in parts if kind == "story"])
        acts = frozenset(str(what) for kind, what in parts if kind == "act")
        return story, acts, frozenset(str(what) for kind, what in parts if kind == "fault")


def minimised(parts: list[Part], fails: Callable[[Sequence[Part]], bool]) -> list[Part]:
    """Delta debugging (Zeller and Hildebrandt 2002): a subset that fails and of which no part can be left out."""
    if not parts or fails([]):
        return []
    pieces = 2
    while len(parts) >= 2:
        size = -(-len(parts) // pieces)
        chunks = [parts[n : n + size] for n in range(0, len(parts), size)]
        for number in range(len(chunks)):
            rest = [part for n, chunk in enumerate(chunks) if n != number for part in chunk]
            if rest and fails(rest):
                parts, pieces = rest, max(2, pieces - 1)
                break
        else:
            if pieces >= len(parts):
                return parts
            pieces = min(len(parts), pieces * 2)
    return parts
