"""An example of the contract told anew: at another instant, with other values where somebody asks for them."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

_DAY, _INSTANT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


class NoSuchField(Exception):
    """The event has no such field, or it is not one value. The message says which there are."""


def told_at(event: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The same event happening at `now`: every day and instant as far from its `time` as before, the id its own.

    Days are counted in the zone of its `time`; instants keep their zone and have no fractions of a second.
    """
    then = datetime.fromisoformat(event["time"])
    now = now.astimezone(then.tzinfo).replace(microsecond=0)
    days, gap = now.date() - then.date(), now - then

    def moved(text: str) -> str:
        if _DAY.fullmatch(text):
            return (date.fromisoformat(text) + days).isoformat()
        return (datetime.fromisoformat(text) + gap).isoformat() if _INSTANT.fullmatch(text) else text

    return {**_mapped(event, moved), "id": f"{event['id']}-{now:%Y%m%dT%H%M%S}"}


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    return {name: _mapped(part, change) for name, part in value.items()} if isinstance(value, dict) else value


def with_value(event: Mapping[str, Any], path: str, value: str) -> dict[str, Any]:
    """The event with another value in its data, like `arrears_after.principal` and `0.00`. Raises NoSuchField.

    A value that is not text in the example (a number, true) is read as JSON.
    """
    changed: dict[str, Any] = json.loads(json.dumps(event))
    at, (*above, last) = changed["data"], path.removeprefix("data.").split(".")
    for name in above:
        at = at.get(name) if isinstance(at, dict) else None
    if not isinstance(at, dict) or last not in at or isinstance(at[last], dict | list):
        raise NoSuchField(f"{path!r} is none of {', '.join(_paths(changed['data']))}")
    at[last] = value if isinstance(at[last], str) else _read(value)
    return changed


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _paths(data: Mapping[str, Any], above: str = "") -> list[str]:
    """Every field that holds one value, as a dotted path."""
    inner = {name: _paths(part, f"{above}{name}.") for name, part in data.items() if isinstance(part, dict)}
    return [path for name in data for path in inner.get(name, [f"{above}{name}"]) if not isinstance(data[name], list)]
