"""A rule book: the rules of one country, read from a pack. Data with a version; the house's own rules are marked so."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from schemas.values import Channel, Party, Product
from services.rulebook.calendars import Calendars, load_calendars
from services.rulebook.kinds import KINDS, Finding, Parameters, Question
from services.rulebook.question import Proposal
from services.rulebook.reading import BadPack, Document
from services.rulebook.shape import Mistake, Must

FOLDER = Path(__file__).parent / "packs"

Force = Literal["HARD", "SOFT", "POLICY"]
NEEDED = ("quiet_hours", "party", "hold", "stop_request", "borrower_status")
"""Kinds without which a pack is refused: what these forbid is withdrawn at once, so it must not be allowed either."""

SOME = Must(bool, "must not be empty")
TWO_CAPITALS = Must(lambda code: len(code) == 2 and code.isalpha() and code.isupper(), "must be two capital letters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `force` keeps the wording of its source: HARD must not, SOFT should not, POLICY the house's own choice.

    covers: ids of the reference that it encodes besides its own. certainty: how well its value is known (reference:
    rules, section 0). text, text_zh: the sentence that a denial gives as its reason. In force on the borrower's local
    days from `effective_from` to `effective_to`, both included. applied_from: the house keeps it from that day on, as
    its own policy until it is in force. channels, parties: none named means every one; products too, and a contact
    about loans of unknown product is concerned. switched_on: false keeps it for a house that wants it.
    """

    id: Annotated[str, SOME]
    covers: tuple[str, ...] = ()
    text: str
    text_zh: str = ""
    clause: str = ""
    force: Force
    certainty: Annotated[str, SOME]
    effective_from: date
    effective_to: date | None = None
    applied_from: date | None = None
    switched_on: bool = True
    channels: tuple[Channel, ...] = ()
    parties: tuple[Party, ...] = ()
    products: tuple[Product, ...] = ()
    kind: str
    parameters: Any = field(default_factory=dict)

    def force_on(self, day: date) -> Force | None:
        """With what force it applies on a day; None when it does not."""
        if not self.switched_on or (self.effective_to is not None and day > self.effective_to):
            return None
        if day >= self.effective_from:
            return self.force
        return "POLICY" if self.applied_from is not None and day >= self.applied_from else None

    def applies_over(self, channel: Channel) -> bool:
        """Whether it speaks of this channel."""
        return not self.channels or channel in self.channels

    def concerns(self, channel: Channel, party: Party, products: tuple[str, ...]) -> bool:
        """Whether it speaks of contacts like this one."""
        return (
            self.applies_over(channel)
            and (not self.parties or party in self.parties)
            and (not self.products or not products or not set(self.products).isdisjoint(products))
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that rules in force on a day ask: several where they ask the very same.

    rules: each with its place in the pack and its force on that day.
    """

    judge: Callable[[Question], Finding]
    rules: tuple[tuple[int, Rule, Force], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rulebook:
    """All rules of one country. `country` is the first part of its regions' codes (ISO 3166-2).

    calendars: name → year → the days it marks; a year that is not there is unknown, and rules that need it deny.
    in_force_until: when another version takes its place; no permit outlives it.
    """

    jurisdiction: str
    country: Annotated[str, TWO_CAPITALS]
    version: str
    regions: Annotated[frozenset[str], SOME]
    calendars: dict[str, dict[int, tuple[date, ...]]] = field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], SOME]
    digest: str = ""
    in_force_until: datetime | None = None

    @property
    def label(self) -> str:
        """Jurisdiction, version and digest, as every decision names the rule book it rests on."""
        return _label(self)

    @property
    def history_days(self) -> int:
        """How many days of contacts its caps and cooldowns look back on, at most."""
        return _history_days(self)

    def rule(self, rule_id: str) -> Rule | None:
        """The rule of this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def calendar_years_unknown(self, years: Collection[int]) -> set[tuple[str, int]]:
        """Calendar and year, of those years that a rule of this book needs and no calendar knows."""
        names = {rule.parameters.calendar for rule in self.rules if rule.kind == "blackout" and rule.switched_on}
        return {(name, year) for name in names for year in years if year not in self.calendars.get(name, {})}

    def asked(self, proposal: Proposal, day: date) -> tuple[Asked, ...]:
        """What rules in force on the borrower's day ask of a contact like this one; each question once."""
        return _asked(self, proposal.channel, proposal.party, proposal.products, day)


@lru_cache(maxsize=4096)
def _asked(book: Rulebook, channel: Channel, party: Party, products: tuple[str, ...], day: date) -> tuple[Asked, ...]:
    """What is the same for all contacts of a day."""
    asked: dict[str, tuple[Parameters, list[tuple[int, Rule, Force]]]] = {}
    for place, rule in enumerate(book.rules):
        force = rule.force_on(day) if rule.concerns(channel, party, products) else None
        if force is not None and getattr(rule.parameters, "of_contacts", True):
            asked.setdefault(repr(rule.parameters), (rule.parameters, []))[1].append((place, rule, force))
    return tuple(Asked(parameters.judge, tuple(rules)) for parameters, rules in asked.values())


@lru_cache(maxsize=256)
def _history_days(book: Rulebook) -> int:
    return max((rule.parameters.days_back for rule in book.rules), default=1)


@lru_cache(maxsize=256)
def _label(book: Rulebook) -> str:
    return f"{book.jurisdiction}-{book.version}@{book.digest}"


@cache
def load_rulebook(jurisdiction: str | Path, version: str = "") -> Rulebook:
    """Read the pack of a jurisdiction ("CN", "us", …), in the version that the house begins with, or a file.

    Raises BadPack with every mistake and its line.
    """
    if isinstance(jurisdiction, Path):
        return _read(jurisdiction, {})
    name = jurisdiction.upper()
    wanted = version or base_versions(FOLDER).get(name, "1")
    return _read(FOLDER / f"{name.lower()}-{wanted}.toml", load_calendars().get(name, {}))


def base_versions(folder: Path) -> dict[str, str]:
    """Jurisdiction → the version in force before ops have activated any (`in-force.toml` of a folder of packs)."""
    document = Document(folder / "in-force.toml")
    return document.into(dict[str, str], document.data)


def read_rulebooks(folder: Path, calendars: Mapping[str, Calendars]) -> list[Rulebook]:
    """Every version of every pack in a folder, each with its jurisdiction's calendars. Raises BadPack."""
    books = [_read(path, {}) for path in sorted(folder.glob("*.toml")) if path.name != "in-force.toml"]
    return [_with_calendars(book, calendars.get(book.jurisdiction, {})) for book in books]


def _read(path: Path, calendars: Calendars) -> Rulebook:
    document = Document(path)
    book = document.into(Rulebook, document.data | {"digest": document.digest})
    mistakes = list(_contradictions(book))
    rules: list[Rule] = []
    problems = [document.problem(loc, what) for loc, what in mistakes]
    for number, rule in enumerate(book.rules):
        try:
            rules.append(replace(rule, parameters=_parameters(document, number, rule)))
        except BadPack as error:
            problems += error.problems
    if problems:
        raise BadPack(problems)
    return _with_calendars(replace(book, rules=tuple(rules)), calendars)


def _with_calendars(book: Rulebook, calendars: Calendars) -> Rulebook:
    """The book with the table's days; a year that the pack names itself is part of its text, and counts instead."""
    names = {*book.calendars, *calendars}
    return replace(book, calendars={n: {**calendars.get(n, {}), **book.calendars.get(n, {})} for n in sorted(names)})


def _parameters(document: Document, number: int, rule: Rule) -> Parameters:
    place = ("rules", number)
    if rule.kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise BadPack([document.problem((*place, "kind"), f"{rule.kind!r} is not one of {known}")])
    kind = KINDS[rule.kind]
    takes_channels = any(f.name == "channels" for f in fields(kind))  # type: ignore[arg-type]
    given = {"channels": rule.channels, **rule.parameters} if takes_channels else rule.parameters
    parameters: Parameters = document.into(kind, given, (*place, "parameters"))
    return parameters


def _contradictions(book: Rulebook) -> list[Mistake]:
    """What no single field shows: ids that come twice, rules that end before they begin, regions of another country."""
    ids = [rule.id for rule in book.rules]
    found: list[Mistake] = [(("rules", n, "id"), f"{one} comes twice") for n, one in enumerate(ids) if one in ids[:n]]
    found += [
        (("rules", n, "effective_to"), "is before effective_from")
        for n, rule in enumerate(book.rules)
        if rule.effective_to and rule.effective_to < rule.effective_from
    ]
    found += [(("rules",), f"no rule of kind {kind}") for kind in NEEDED if kind not in {r.kind for r in book.rules}]
    found += [
        (("regions",), f"{region} does not belong to {book.country}")
        for region in sorted(book.regions)
        if not region.startswith(f"{book.country}-")
    ]
    return found
