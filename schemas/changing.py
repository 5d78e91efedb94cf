"""A changed copy of a frozen value: what every decision makes, many times over."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, cast

T = TypeVar("T")


def replace(value: T, /, **changes: Any) -> T:
    """As `dataclasses.replace`, in a third to half of its time, for frozen dataclasses with slots.

    It fills the slots of the copy and does not call the class again, so that a class with a `__post_init__` or with
    fields that are no arguments is refused. Raises TypeError for these, and for a name that is no field.
    """
    kind: Any = type(value)
    copy = _COPIERS.get(kind) or _COPIERS.setdefault(kind, _copier(kind))
    try:
        return copy(value, **changes)  # type: ignore[no-any-return]
    except TypeError:
        unknown = sorted(changes.keys() - {field.name for field in fields(kind)})
        if not unknown:
            raise
        raise TypeError(f"{kind.__name__} has no field {unknown[0]!r}") from None


def _copier(kind: Any) -> Callable[..., Any]:
    """A function `(value, *, <each field>)` for one class, written out as `dataclasses` writes its own.

    It sets slot by slot what was given, else what the value holds.
    """
    own = fields(kind)
    if hasattr(kind, "__post_init__") or "__slots__" not in vars(kind) or not all(field.init for field in own):
        raise TypeError(f"{kind.__name__} is no plain dataclass with slots")
    names = [field.name for field in own]
    given = "".join(f", {name}=_same" for name in names)
    slots = "".join(
        f"    _put_{n}(_copy, _value.{name} if {name} is _same else {name})\n" for n, name in enumerate(names)
    )
    text = f"def replace(_value, /, *{given}):\n    _copy = _blank(_kind)\n{slots}    return _copy\n"
    known = {f"_put_{n}": getattr(kind, name).__set__ for n, name in enumerate(names)}
    made: dict[str, Any] = {}
    exec(text, {"_kind": kind, "_blank": object.__new__, "_same": object(), **known}, made)
    return cast("Callable[..., Any]", made["replace"])


_COPIERS: dict[Any, Callable[..., Any]] = {}
