"""Tells a producer what is wrong with its events, line by line and field by field.

Reading is tolerant (unknown fields are ignored), producing is closed: a field that the contract does not name is most
often a misspelt one, so here it is a problem.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from schemas.documents import documents
from schemas.envelope import Event, Fact, Unreadable, read_structured
from schemas.language import KINDS
from schemas.topics import BY_NAME, Topic

BYTE_ORDER_MARK = "\ufeff"
"""Begins a file that some editors and export programs wrote; it belongs to the file, not to its first event."""
ENVELOPE = frozenset(Event.model_fields)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `line` counts from 1 and is where the event begins; `field` is a dotted path, or "event"."""

    line: int
    field: str
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One event of a file as it stands there: read if it is good, or else its problems."""

    line: int
    text: str
    event: Event[Fact] | None
    problems: tuple[Problem, ...]


def check_lines(lines: Iterable[str], topic: Topic | None = None) -> Iterator[Checked]:
    """Check JSON lines of CloudEvents. Blank lines are passed over; an id reused for other content is a problem."""
    unmarked = (text.removeprefix(BYTE_ORDER_MARK if number == 1 else "") for number, text in enumerate(lines, 1))
    return _checked(((number, text.rstrip("\n")) for number, text in enumerate(unmarked, 1)), topic)


def check_text(text: str, topic: Topic | None = None) -> Iterator[Checked]:
    """Check a whole file: JSON lines, or documents over several lines, or arrays of events (schemas.documents)."""
    return _checked(documents(text.removeprefix(BYTE_ORDER_MARK)), topic)


def _checked(texts: Iterable[tuple[int, str]], topic: Topic | None) -> Iterator[Checked]:
    seen: dict[tuple[str, str], tuple[int, str]] = {}
    return (_unless_reused(check_line(number, text, topic), seen) for number, text in texts if text.strip())


def check_line(number: int, text: str, topic: Topic | None = None) -> Checked:
    """Check one event."""
    try:
        event = read_structured(text.encode())
    except Unreadable as error:
        found = [_split(problem) for problem in error.problems] or [("event", error.reason)]
        return Checked(number, text, None, tuple(Problem(number, field, what) for field, what in found))
    found = [*unknown_fields(json.loads(text), event), *_misplaced(event, topic)]
    problems = tuple(Problem(number, field, what) for field, what in found)
    return Checked(number, text, None if problems else event, problems)


def _split(problem: str) -> tuple[str, str]:
    field, _, what = problem.partition(": ")
    return field, what


def _unless_reused(checked: Checked, seen: dict[tuple[str, str], tuple[int, str]]) -> Checked:
    if checked.event is None:
        return checked
    line, text = seen.setdefault((checked.event.source, checked.event.id), (checked.line, checked.text))
    if text == checked.text:
        return checked
    what = f"line {line} uses the same source and id for other content; an id names one event for ever"
    return Checked(checked.line, checked.text, None, (Problem(checked.line, "id", what),))


def _misplaced(event: Event[Fact], topic: Topic | None) -> Iterator[tuple[str, str]]:
    belongs = type(event.data).TOPIC
    if topic is not None and belongs != topic:
        yield "type", f"{event.type} belongs on {belongs.name}, not on {topic.name}"
    if event.partitionkey not in (None, event.data.key):
        yield "partitionkey", f"must be the record key, data.{belongs.key}, or left out"


def unknown_fields(document: Mapping[str, Any], event: Event[Fact]) -> Iterator[tuple[str, str]]:
    """Fields that the contract does not name, each with the nearest name that it does."""
    for name in document:
        if name not in ENVELOPE and not (name.isalnum() and name.islower()):
            yield name, "is not a CloudEvents attribute (lower-case letters and digits)" + _nearest(name, ENVELOPE)
    yield from _unknown_in(document.get("data"), type(event.data), "data")


def _unknown_in(value: Any, model: type[BaseModel], path: str) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        field = model.model_fields.get(name)
        if field is None:
            yield f"{path}.{name}", "is not a field of the contract" + _nearest(name, model.model_fields)
        else:
            yield from _unknown_below(inner, field.annotation, f"{path}.{name}")


def _unknown_below(value: Any, annotation: Any, path: str) -> Iterator[tuple[str, str]]:
    for index, (part, model) in enumerate(_parts(value, annotation)):
        yield from _unknown_in(part, model, f"{path}.{index}" if isinstance(value, list) else path)


def _parts(value: Any, annotation: Any) -> Iterator[tuple[dict[str, Any], type[BaseModel]]]:
    models = list(_models(annotation))
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict) and models:
            yield part, max(models, key=lambda model: len(part.keys() & model.model_fields.keys()))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, tuple, list):
        for inner in get_args(annotation):
            yield from _models(inner)
    elif get_args(annotation):
        yield from _models(get_args(annotation)[0])


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def topic_named(name: str) -> Topic:
    """The declared topic of that name. Raises KeyError with the names that exist."""
    if name not in BY_NAME:
        raise KeyError(f"no topic {name!r}{_nearest(name, BY_NAME)}")
    return BY_NAME[name]


__all__ = ["KINDS", "Checked", "Problem", "check_line", "check_lines", "check_text", "topic_named", "unknown_fields"]
