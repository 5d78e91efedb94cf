"""Where each event of a file begins and ends: one to a line, or printed over several lines, or in an array."""

import json
import re
from collections.abc import Iterator

_DECODER = json.JSONDecoder()
_SPACE, _BETWEEN = re.compile(r"[ \t\n\r]*"), re.compile(r"[ \t\n\r,]*")


def documents(text: str) -> Iterator[tuple[int, str]]:
    """The JSON texts of a file with the line on which each begins, from 1, every character as it stands there.

    Of an array at the top the elements are the documents. A text that is none of these comes line by line, but one
    that is plainly a single broken document comes whole, to be refused once.
    """
    first = next((line for line in text.split("\n") if line.strip()), "")
    if _is_event(first):
        return _lines(text)
    try:
        return iter(list(_numbered(text)))
    except (ValueError, RecursionError):
        whole = first.lstrip().startswith(("{", "[")) and not any(map(_is_event, text.split("\n")))
        return iter([(1, text)]) if whole else _lines(text)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(text.split("\n"), 1)


def _is_event(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    line, counted = 1, 0
    for start, end in _spans(text):
        line, counted = line + text.count("\n", counted, start), start
        yield line, text[start:end]


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Documents one behind the other. Raises ValueError where something else stands between them."""
    at = _after(_SPACE, text, 0)
    while at < len(text):
        value, end = _DECODER.raw_decode(text, at)
        yield from _elements(text, at + 1, len(value)) if isinstance(value, list) else [(at, end)]
        at = _after(_SPACE, text, end)


def _elements(text: str, at: int, count: int) -> Iterator[tuple[int, int]]:
    """Those of an array that has been read once already, so that only commas stand between them."""
    for _ in range(count):
        start = _after(_BETWEEN, text, at)
        _, at = _DECODER.raw_decode(text, start)
        yield start, at


def _after(what: re.Pattern[str], text: str, at: int) -> int:
    found = what.match(text, at)
    return found.end() if found else at
