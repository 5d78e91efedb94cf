"""All versions of all rule books, and which one is in force: a function of the instant and of what ops activated."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path

from services.rulebook.calendars import FOLDER as CALENDARS
from services.rulebook.calendars import load_calendars
from services.rulebook.packs import FOLDER, Rulebook, base_versions, read_rulebooks
from services.rulebook.reading import BadPack, Document


@dataclass(frozen=True, slots=True)
class Activation:
    """From an exact instant on, the rule book `target` (a jurisdiction, like CN) is in force in this version."""

    target: str
    version: str
    effective_from: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """books: country → version → rule book. base: country → the version in force before any was activated."""

    books: Mapping[str, Mapping[str, Rulebook]]
    base: Mapping[str, str]
    activations: tuple[Activation, ...] = ()

    def __iter__(self) -> Iterator[str]:
        """The countries."""
        return iter(self.books)

    def versions(self) -> Iterator[Rulebook]:
        """Every rule book of every version."""
        return (book for versions in self.books.values() for book in versions.values())

    def in_force(self, country: str, at: datetime) -> Rulebook | None:
        """The rule book of a country at an instant, knowing when it ceases to be; None where that version is not here.

        Of two activations of one instant the later one in `activations` counts.
        """
        due = [a for a in self._of(country) if a.effective_from <= at]
        version = due[-1].version if due else self.base.get(country, "")
        book = self.books.get(country, {}).get(version)
        return None if book is None else _until(book, self._next(country, version, at))

    def for_region(self, region: str, at: datetime) -> Rulebook | None:
        """The rule book of a region like CN-GD at an instant."""
        return self.in_force(region.partition("-")[0], at)

    def history_days(self, region: str) -> int:
        """How many days any version of a region's rule book looks back on, at most: a switch must find them all."""
        versions = self.books.get(region.partition("-")[0], {})
        return max((book.history_days for book in versions.values()), default=1)

    def labelled(self, label: str) -> Rulebook | None:
        """The rule book that a decision names; None where that very text is not here."""
        return next((book for book in self.versions() if book.label == label), None)

    def activated(self, activations: tuple[Activation, ...]) -> "Shelf":
        """The same books under what ops have activated."""
        return self if not activations and not self.activations else replace(self, activations=activations)

    def missing(self) -> tuple[Activation, ...]:
        """Activations of versions that are not here: from their instant on, everything there is denied."""
        return tuple(a for c in self.books for a in self._of(c) if a.version not in self.books[c])

    def _of(self, country: str) -> list[Activation]:
        if not self.activations:
            return []
        names = {country, *(book.jurisdiction for book in self.books.get(country, {}).values())}
        return sorted((a for a in self.activations if a.target.upper() in names), key=lambda a: a.effective_from)

    def _next(self, country: str, version: str, at: datetime) -> datetime | None:
        """When another version than this one takes over."""
        later = (a.effective_from for a in self._of(country) if a.effective_from > at and a.version != version)
        return next(later, None)


@lru_cache(maxsize=256)
def _until(book: Rulebook, ends_at: datetime | None) -> Rulebook:
    return book if ends_at is None else replace(book, in_force_until=ends_at)


@cache
def load_rulebooks(more: Path | None = None) -> Shelf:
    """Every pack of the house, and of a folder of the house's own (packs, `in-force.toml`, `calendars/`) over them.

    Raises BadPack with every mistake and its line.
    """
    calendars = load_calendars(CALENDARS, more / "calendars" if more else None)
    books: dict[str, dict[str, Rulebook]] = {}
    for folder in (FOLDER, *([more] if more else [])):
        for book in read_rulebooks(folder, calendars):
            if book.version in books.setdefault(book.country, {}):
                raise BadPack([_twice(book, folder)])
            books[book.country][book.version] = book
    return Shelf(books, _base(books, more))


def _twice(book: Rulebook, folder: Path) -> str:
    """That a version is there already, with the file and the line that say it again."""
    files = (Document(path) for path in sorted(folder.glob("*.toml")))
    again = next(document for document in reversed(list(files)) if document.digest == book.digest)
    return again.problem(
        ("version",), f"{book.jurisdiction} {book.version} is there already; give it a version of its own"
    )


def readable(more: Path | None) -> Path | None:
    """A folder of the house's own, checked. Raises ValueError with every mistake and its line."""
    try:
        load_rulebooks(more)
    except BadPack as error:
        raise ValueError(f"{more} holds rule books that cannot be read: {error}") from None
    return more


def known(jurisdiction: str, more: Path | None = None) -> None:
    """Raise ValueError, naming the choice, where no pack is of this jurisdiction."""
    there = sorted({book.jurisdiction for book in load_rulebooks(more).versions()})
    if jurisdiction not in there:
        raise ValueError(f"ARREARS_JURISDICTION: {jurisdiction!r} has no rule book; choose from {', '.join(there)}")


def _base(books: Mapping[str, Mapping[str, Rulebook]], more: Path | None) -> dict[str, str]:
    own = base_versions(more) if more and (more / "in-force.toml").exists() else {}
    chosen = base_versions(FOLDER) | own
    return {
        country: chosen.get(next(iter(versions.values())).jurisdiction, max(versions))
        for country, versions in books.items()
    }
