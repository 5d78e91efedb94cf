"""A changed copy of a frozen value: what every decision makes, many times over."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_blank = object.__new__


class _Shape(NamedTuple):
    """How the slots of a class are read, all at once, and filled, each by its name in the same order."""

    read: Callable[[Any], tuple[Any, ...]]
    fill: Mapping[str, Callable[[Any, Any], None]]


def replace(value: T, /, **changes: Any) -> T:
    """As `dataclasses.replace`, in less than half of its time, for frozen dataclasses with slots.

    It fills the slots of the copy and does not call the class again, so that a class with a `__post_init__` or with
    fields that are no arguments is refused. Raises TypeError for these, and for a name that is no field.
    """
    kind: Any = type(value)
    read, fill = _shape(kind)
    copy: T = _blank(kind)
    for put, each in zip(fill.values(), read(value), strict=True):
        put(copy, each)
    for name, each in changes.items():
        if name not in fill:
            raise TypeError(f"{kind.__name__} has no field {name!r}")
        fill[name](copy, each)
    return copy


@cache
def _shape(kind: Any) -> _Shape:
    own = fields(kind)
    if hasattr(kind, "__post_init__") or "__slots__" not in vars(kind) or not all(field.init for field in own):
        raise TypeError(f"{kind.__name__} is no plain dataclass with slots")
    names = [field.name for field in own]
    read = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)
    return _Shape(read, {name: getattr(kind, name).__set__ for name in names})
