"""The one place that reads files of rules and strategies. A mistake is named as `file:line: field: what is wrong`."""

import csv
import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from services.rulebook.shape import Loc, Misshapen, shaped

Lines: TypeAlias = Mapping[Loc, int]
T = TypeVar("T")

_TABLE = re.compile(r"^\s*\[(\[?)\s*([^\[\]]+?)\s*\]?\]\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-\.\"']+)\s*=(.*)$")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class BadPack(Exception):
    """This file of rules or strategy is wrong; nothing of it is used. `problems` are all that were found."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Document:
    """A TOML file with the line on which each of its fields stands. unread: mistakes in rows that are not in `data`."""

    def __init__(self, path: Path) -> None:
        self.path, self.unread = path, tuple[str, ...]()
        text = _text(path)
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        self.lines = lines_of(text)
        self.data = _parsed(path, text)

    @classmethod
    def of_csv(cls, path: Path) -> "Document":
        """A calendar as CSV (`date,kind,name`; holiday or working_day), named like IN-2026.csv, in the same shape."""
        document = cls.__new__(cls)
        document.path, text = path, _text(path)
        document.digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        document.data, document.lines, document.unread = _tabled(path, text)
        return document

    def problem(self, loc: Loc, what: str) -> str:
        """One mistake, as people read it; a field that is missing is placed at the table it is missing from."""
        near = next((loc[:n] for n in range(len(loc), 0, -1) if loc[:n] in self.lines), ())
        return f"{self.path.name}:{self.lines.get(near, 1)}: {dotted(loc)}: {what}"

    def into(self, kind: type[T], data: object, at: Loc = ()) -> T:
        """A part of the file as a typed value. Raises BadPack with every mistake in it."""
        try:
            return shaped(kind, data)
        except Misshapen as error:
            raise BadPack([self.problem(at + loc, what) for loc, what in error.mistakes]) from None

    def tried(self, kind: type[T], data: object, problems: list[str], at: Loc = ()) -> T | None:
        """The same; None where it has mistakes, which are added to `problems`."""
        try:
            return self.into(kind, data, at)
        except BadPack as error:
            problems += error.problems
            return None


def dotted(loc: Loc) -> str:
    """A place in a file as people write it: `rules[2].parameters.start`."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return path.lstrip(".") or "file"


def lines_of(text: str) -> Lines:
    """Where each table and key of a TOML text begins; arrays of tables count from 0."""
    lines: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if depth == 0 and (header := _TABLE.match(line)):
            table = _entered(_names(header[2]), counts, many=bool(header[1]))
            lines.setdefault(table, number)
        elif depth == 0 and (key := _KEY.match(line)):
            lines.setdefault(table + _names(key[1]), number)
            depth = _depth(key[2])
        elif depth:
            depth += _depth(line)
    return lines


def _text(path: Path) -> str:
    """Its text; a byte order mark, as spreadsheets put one, is no part of it."""
    try:
        content = path.read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        raise BadPack([f"{path.name}:1: file: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadPack([f"{path.name}:{line}: file: is not UTF-8; save it with this encoding"]) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _AT_LINE.search(str(error))
        number = line[1] if line else str(len(text.splitlines()))
        raise BadPack([f"{path.name}:{number}: file: not TOML: {_AT_LINE.sub('', str(error)).strip()}"]) from None


PARTS: Mapping[str, str] = {"holiday": "holidays", "working_day": "working_days"}


def _tabled(path: Path, text: str) -> tuple[dict[str, Any], Lines, tuple[str, ...]]:
    jurisdiction, _, year = path.stem.partition("-")
    data: dict[str, Any] = {"jurisdiction": jurisdiction, "year": int(year) if year.isdecimal() else year}
    data |= {"holidays": {}, "working_days": {}}
    lines: dict[Loc, int] = {}
    unread: list[str] = []
    reader = csv.DictReader(text.splitlines())
    if set(reader.fieldnames or ()) != {"date", "kind", "name"}:
        raise BadPack([f"{path.name}:1: file: the columns must be date,kind,name"])
    for row in reader:
        part = PARTS.get((row["kind"] or "").strip())
        if part is None:
            unread.append(f"{path.name}:{reader.line_num}: kind: {row['kind']!r} is not holiday or working_day")
            continue
        day = (row["date"] or "").strip()
        data[part][day] = row["name"] or ""
        lines[part, day] = reader.line_num
    return data, lines, tuple(unread)


def _names(dotted_key: str) -> Loc:
    return tuple(part.strip().strip("\"'") for part in dotted_key.split("."))


def _entered(names: Loc, counts: dict[Loc, int], *, many: bool) -> Loc:
    """The place of a table header, with the index of each array of tables on the way to it."""
    place: Loc = ()
    for position, name in enumerate(names):
        place = (*place, name)
        if many and position == len(names) - 1:
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _depth(text: str) -> int:
    bare = re.sub(r"\"[^\"]*\"|'[^']*'|#.*$", "", text)
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")
