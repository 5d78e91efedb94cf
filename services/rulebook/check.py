"""What a file of the rule book is, and what it still lacks though every service could read it: for `rules check`.

Services read a pack that lacks a translation, for a decision of years ago may rest on it; one to come must be whole.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from services.rulebook.calendars import read_year
from services.rulebook.catalogue import load_catalogue
from services.rulebook.packs import JURISDICTIONS, Rulebook, base_versions, load_rulebook
from services.rulebook.reading import BadPack, Document
from services.rulebook.shape import Mistake
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy

IN_CHINESE = "CN"
"""The country whose borrowers are told each reason in Chinese: its packs say every rule in it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file. what: what it is, with its version; "" where nobody can tell. problems: why it is refused.

    warnings: what may be meant so, and is more often a slip.
    """

    what: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def check(path: Path, jurisdictions: Collection[str] = ()) -> Checked:
    """Read a file whole, by what it holds. jurisdictions: those that there are besides the shipped ones."""
    try:
        return _read(path, {*jurisdictions, *(book.jurisdiction for book in load_rulebooks().versions())})
    except BadPack as error:
        return Checked("", error.problems)


def jurisdiction_of(path: Path) -> str:
    """The jurisdiction that a file calls its own; "" where it is no pack."""
    try:
        data = {} if path.suffix == ".csv" else Document(path).data
    except BadPack:
        return ""
    return str(data.get("jurisdiction", "")) if "rules" in data else ""


def _read(path: Path, jurisdictions: Collection[str]) -> Checked:
    data = {} if path.suffix == ".csv" else Document(path).data
    if path.suffix == ".csv" or "holidays" in data:
        return _calendar(path, jurisdictions)
    if path.name == "in-force.toml":
        return _in_force(path, jurisdictions)
    if "ladder" in data:
        return Checked(f"strategy {load_strategy(path).label}")
    return _pack(path)


def _calendar(path: Path, jurisdictions: Collection[str]) -> Checked:
    year = read_year(path)
    what = f"calendar {year.jurisdiction} {year.year}, {len(year.holidays)} holidays"
    if year.jurisdiction in jurisdictions:
        return Checked(what)
    known = ", ".join(sorted(jurisdictions))
    return Checked(what, (f"{path.name}:1: jurisdiction: no rule book of {year.jurisdiction!r}, only of {known}",))


def _in_force(path: Path, jurisdictions: Collection[str]) -> Checked:
    versions, document = base_versions(path.parent), Document(path)
    what = "versions that the house begins with: " + ", ".join(f"{one} {other}" for one, other in versions.items())
    known = ", ".join(sorted(jurisdictions))
    unknown = [(name,) for name in versions if name not in jurisdictions]
    return Checked(what, tuple(document.problem(loc, f"no rule book of it, only of {known}") for loc in unknown))


def _pack(path: Path) -> Checked:
    book, document = load_rulebook(path), Document(path)
    lacking = tuple(document.problem(loc, what) for loc, what in _lacking(book))
    warnings = tuple(document.problem(loc, what) for loc, what in _doubtful(book))
    if load_rulebooks().labelled(book.label) is not None:
        older = (f"{path.name}:1: file: shipped before {len(lacking)} things were asked of a pack that it lacks",)
        return Checked(f"pack {book.label}, shipped", (), (older if lacking else ()) + warnings)
    return Checked(f"pack {book.label}", lacking, warnings)


def _lacking(book: Rulebook) -> Iterator[Mistake]:
    known = {entry.id for entry in load_catalogue()}
    for number, rule in enumerate(book.rules):
        if book.country == IN_CHINESE and not rule.text_zh:
            yield ("rules", number, "text_zh"), f"{rule.id} says nothing in Chinese"
        for each in rule.covers:
            if each not in known:
                yield ("rules", number, "covers"), f"{each} is no rule of the reference (`arrears rules table`)"


def _doubtful(book: Rulebook) -> Iterator[Mistake]:
    shipped = [other for other in load_rulebooks().versions() if other.country == book.country]
    regions = {region for other in shipped for region in other.regions}
    for region in sorted(book.regions - regions) if shipped else ():
        yield ("regions",), f"{region} is in no rule book that is shipped; is it a code of ISO 3166-2?"
    if not shipped:
        countries = ", ".join(JURISDICTIONS.get(c, c) for c in sorted(load_rulebooks()))
        yield ("country",), f"{book.country} is none of the shipped {countries}; is it a code of ISO 3166-1?"
