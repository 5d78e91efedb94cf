"""Chance that depends on a seed and a name alone, so that leaving one thing out of a story changes nothing else."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_SIZE = 8
_ALL = 1 << (8 * _SIZE)


class Dice:
    """The same seed and name give the same throw, in every process and in whatever order they are asked."""

    def __init__(self, seed: int | str) -> None:
        self._key = blake2b(str(seed).encode(), digest_size=16).digest()

    def throw(self, *name: object) -> float:
        """A number from 0 up to but not including 1."""
        text = "/".join(map(str, name)).encode()
        return int.from_bytes(blake2b(text, digest_size=_SIZE, key=self._key).digest(), "big") / _ALL

    def within(self, low: int, high: int, *name: object) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.throw(*name) * (high - low + 1))

    def pick(self, options: Sequence[T], *name: object) -> T:
        """One of the options."""
        return options[int(self.throw(*name) * len(options))]
