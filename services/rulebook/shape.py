"""From plain data (TOML, JSON) to typed frozen values, by the types of their fields. Every mistake is found at once.

A type may be a dataclass, a tuple, set, dict, union with None or Literal of such, or one of int, str, bool, Decimal,
date, time, datetime. `Annotated[type, Must]` adds a condition. A field that the type does not name is a mistake.
"""

import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Loc: TypeAlias = tuple[str | int, ...]
Mistake: TypeAlias = tuple[Loc, str]
T = TypeVar("T")


class Misshapen(Exception):
    """The data does not fit the type; `mistakes` are all places where it does not."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, loc))}: {what}" for loc, what in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Must:
    """A condition on a value and the words for what it must be."""

    hold: Callable[[Any], bool]
    words: str


def shaped(kind: type[T], data: object) -> T:
    """The data as a value of this type. Raises Misshapen with every mistake."""
    mistakes: list[Mistake] = []
    value = _value(kind, data, (), mistakes)
    if mistakes:
        raise Misshapen(mistakes)
    return cast("T", value)


def plain(value: object) -> Any:
    """A typed value as JSON: instants and dates ISO, amounts as strings, fields that have their default left out."""
    if value is None or isinstance(value, str | int):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        known = _defaults(type(value))
        return {name: plain(v) for name, default in known if (v := getattr(value, name)) != default}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | frozenset | list):
        return [plain(each) for each in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


@cache
def _defaults(kind: type) -> tuple[tuple[str, object], ...]:
    """The fields of a class, each with its default; MISSING where it has none."""
    return tuple((f.name, _default(f)) for f in fields(kind))


def _default(field: "Field[Any]") -> object:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _value(kind: Any, data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    shape = SHAPES.get(get_origin(kind))
    if shape is not None:
        return shape(get_args(kind), data, at, mistakes)
    if is_dataclass(kind):
        return _fields(kind, data, at, mistakes)
    return data if kind is Any else _plain(kind, data, at, mistakes)


def _conditioned(parts: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    before = len(mistakes)
    value = _value(parts[0], data, at, mistakes)
    if len(mistakes) == before:
        mistakes += [(at, must.words) for must in parts[1:] if not must.hold(value)]
    return value


def _either(parts: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if data is None and type(None) in parts:
        return None
    kinds = [part for part in parts if part is not type(None)]
    if all(get_origin(part) is Literal for part in kinds):
        return _one_of(tuple(value for part in kinds for value in get_args(part)), data, at, mistakes)
    return _value(kinds[0], data, at, mistakes)


def _one_of(values: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if data not in values or isinstance(data, bool):
        mistakes.append((at, f"{data!r} is not one of {', '.join(sorted(map(str, values)))}"))
    return data


def _many(parts: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if not isinstance(data, list | tuple):
        mistakes.append((at, "must be a list"))
        return ()
    return tuple(_value(parts[0], each, (*at, n), mistakes) for n, each in enumerate(data))


def _set(parts: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    return frozenset(_many(parts, data, at, mistakes))


def _by_key(parts: tuple[Any, ...], data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if not isinstance(data, Mapping):
        mistakes.append((at, "must be a table"))
        return {}
    keys, values = parts
    number = keys is int
    return {
        _value(keys, int(key) if number and str(key).isdecimal() else key, (*at, str(key)), mistakes): _value(
            values, each, (*at, str(key)), mistakes
        )
        for key, each in data.items()
    }


@cache
def _known_fields(kind: type) -> Mapping[str, tuple[Any, bool]]:
    """Name → type and whether it must be given, of the fields that a constructor takes."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind) if f.init
    }


def _fields(kind: Any, data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if not isinstance(data, Mapping):
        mistakes.append((at, "must be a table"))
        return None
    known, before = _known_fields(kind), len(mistakes)
    mistakes += [((*at, name), "is not a field of this table") for name in data if name not in known]
    mistakes += [((*at, name), "is missing") for name, (_, needed) in known.items() if needed and name not in data]
    given = {name: _value(known[name][0], data[name], (*at, name), mistakes) for name in known if name in data}
    return kind(**given) if len(mistakes) == before else None


Shape: TypeAlias = Callable[[tuple[Any, ...], object, Loc, list[Mistake]], Any]
SHAPES: Mapping[Any, Shape] = {
    Annotated: _conditioned,
    Union: _either,
    types.UnionType: _either,
    Literal: _one_of,
    tuple: _many,
    frozenset: _set,
    dict: _by_key,
}
READ: Mapping[type, Callable[[str], object]] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    time: time.fromisoformat,
    datetime: datetime.fromisoformat,
}
WORDS: Mapping[type, str] = {
    int: "must be a whole number",
    str: "must be text",
    bool: "must be true or false",
    Decimal: 'must be an amount in quotes, like "100.00"',
    date: "must be a date, like 2026-01-30",
    time: 'must be a time of day in quotes, like "22:00"',
    datetime: "must be an instant with its offset",
}


def _plain(kind: Any, data: object, at: Loc, mistakes: list[Mistake]) -> Any:
    if type(data) is kind:
        return data
    if kind in READ and isinstance(data, str):
        with suppress(ValueError, InvalidOperation):
            return READ[kind](data)
    mistakes.append((at, WORDS.get(kind, f"must be {getattr(kind, '__name__', kind)}")))
    return None
