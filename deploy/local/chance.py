"""Luck that is the same every time: a number, a choice or a waiting time out of a seed and names."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_RANGE = 2**64


def luck(*names: object) -> float:
    """A number in [0, 1), a pure function of the names: evenly spread, and independent for different names."""
    digest = blake2b("|".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _RANGE


def pick(options: Sequence[T], *names: object) -> T:
    """One of the options."""
    return options[int(luck(*names) * len(options))]


def whole(low: int, high: int, *names: object) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(luck(*names) * (high - low + 1))


def wait(hours: tuple[float, float], *names: object) -> timedelta:
    """A stretch of time between the two numbers of hours."""
    low, high = hours
    return timedelta(hours=low + (high - low) * luck(*names))
