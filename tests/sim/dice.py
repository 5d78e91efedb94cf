"""Chance that depends on a seed and a name alone, so that leaving one thing out of a story changes nothing else."""

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

T = TypeVar("T")
_ALL = 1 << 32


class Dice:
    """The same seed and name give the same throw, in every process and in whatever order they are asked."""

    def __init__(self, seed: int | str) -> None:
        self._seed = crc32(str(seed).encode())

    def below(self, *name: object) -> "Dice":
        """Dice for all names that begin with this one; they throw what these would throw for the whole name."""
        dice = Dice.__new__(Dice)
        dice._seed = crc32(("/".join(map(str, name)) + "/").encode(), self._seed)
        return dice

    def throw(self, *name: object) -> float:
        """A number from 0 up to but not including 1."""
        return mixed(crc32("/".join(map(str, name)).encode(), self._seed)) / _ALL

    def within(self, low: int, high: int, *name: object) -> int:
        """A whole number from low to high, both included."""
        return low + int(self.throw(*name) * (high - low + 1))

    def pick(self, options: Sequence[T], *name: object) -> T:
        """One of the options."""
        return options[int(self.throw(*name) * len(options))]


def mixed(word: int) -> int:
    """Spread 32 bits, so that names that are alike are thrown apart (the finaliser of MurmurHash3)."""
    word = (word ^ word >> 16) * 0x85EBCA6B % _ALL
    word = (word ^ word >> 13) * 0xC2B2AE35 % _ALL
    return word ^ word >> 16
