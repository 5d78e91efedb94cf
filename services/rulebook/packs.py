"""A rule book: the rules of one country, read from a pack. Data with a version; the house's own rules are marked so."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from schemas.values import Channel, Party, Product
from services.rulebook.calendars import Calendars, load_calendars
from services.rulebook.kinds import KINDS, Finding, Parameters, Question
from services.rulebook.kinds.clock import QuietHours
from services.rulebook.question import Proposal
from services.rulebook.reading import BadPack, Document
from services.rulebook.shape import Misshapen, Mistake, Must, shaped

FOLDER = Path(__file__).parent / "packs"

Force = Literal["HARD", "SOFT", "POLICY"]
NEEDED = ("quiet_hours", "party", "hold", "stop_request", "borrower_status")
"""Kinds without which a pack is refused: what these forbid is withdrawn at once, so it must not be allowed either."""

JURISDICTIONS: Mapping[str, str] = {"GB": "UK"}
"""Country → its jurisdiction, where that is not named by the country's own code."""

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
    """One pack. Whatever of it can be read is looked at before all its mistakes are raised together."""
    document = Document(path)
    problems: list[str] = []
    book = document.tried(Rulebook, document.data | {"digest": document.digest}, problems)
    parameters = {number: _parameters(document, number, raw, problems) for number, raw in _raw_rules(document)}
    rules = dict(_shaped_rules(document))
    problems += (document.problem(loc, what) for loc, what in _contradictions(document.data, rules))
    problems += (document.problem(loc, what) for loc, what in _empty_hours(parameters))
    if problems or book is None:
        raise BadPack(tuple(dict.fromkeys(problems)))
    whole = tuple(replace(rule, parameters=parameters[number]) for number, rule in enumerate(book.rules))
    return _with_calendars(replace(book, rules=whole), calendars)


def _raw_rules(document: Document) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rules = document.data.get("rules", ())
    if isinstance(rules, list):
        yield from ((number, raw) for number, raw in enumerate(rules) if isinstance(raw, Mapping))


def _shaped_rules(document: Document) -> Iterator[tuple[int, Rule]]:
    """The rules that can be read, one by one, each with its place in the pack."""
    for number, raw in _raw_rules(document):
        with suppress(Misshapen):
            yield number, shaped(Rule, raw)


def _with_calendars(book: Rulebook, calendars: Calendars) -> Rulebook:
    """The book with the table's days; a year that the pack names itself is part of its text, and counts instead."""
    names = {*book.calendars, *calendars}
    return replace(book, calendars={n: {**calendars.get(n, {}), **book.calendars.get(n, {})} for n in sorted(names)})


def _parameters(document: Document, number: int, raw: Mapping[str, Any], problems: list[str]) -> Parameters | None:
    place, name = ("rules", number), raw.get("kind")
    if not isinstance(name, str):
        return None
    if name not in KINDS:
        known = ", ".join(sorted(KINDS))
        problems.append(document.problem((*place, "kind"), f"{name!r} is not one of {known}"))
        return None
    kind, given = KINDS[name], raw.get("parameters", {})
    takes_channels = any(f.name == "channels" for f in fields(kind))  # type: ignore[arg-type]
    if takes_channels and isinstance(given, Mapping):
        given = {"channels": raw.get("channels", ()), **given}
    return document.tried(kind, given, problems, (*place, "parameters"))


def _contradictions(pack: Mapping[str, Any], rules: Mapping[int, Rule]) -> Iterator[Mistake]:
    """What no single field shows: ids that come twice, rules that end before they begin, regions of another country."""
    ids = [rule.id for rule in rules.values()]
    for place, (number, rule) in enumerate(rules.items()):
        if rule.id in ids[:place]:
            yield ("rules", number, "id"), f"{rule.id} comes twice"
        if rule.effective_to and rule.effective_to < rule.effective_from:
            yield ("rules", number, "effective_to"), "is before effective_from"
        if rule.force == "HARD" and not rule.clause:
            yield ("rules", number, "clause"), "is missing: what forbids must say by which source"
    yield from _not_of_the_country(pack)
    yield from _lacking(pack)


def _not_of_the_country(pack: Mapping[str, Any]) -> Iterator[Mistake]:
    country, jurisdiction, regions = pack.get("country"), pack.get("jurisdiction"), pack.get("regions", ())
    if not isinstance(country, str):
        return
    if isinstance(jurisdiction, str) and jurisdiction != JURISDICTIONS.get(country, country):
        yield ("jurisdiction",), f"{jurisdiction} is not the jurisdiction of {country}"
    for region in regions if isinstance(regions, list) else ():
        if isinstance(region, str) and not region.startswith(f"{country}-"):
            yield ("regions",), f"{region} does not belong to {country}"


def _lacking(pack: Mapping[str, Any]) -> Iterator[Mistake]:
    rules = pack.get("rules")
    kinds = {raw.get("kind") for raw in rules if isinstance(raw, Mapping)} if isinstance(rules, list) else set()
    yield from ((("rules",), f"no rule of kind {kind}") for kind in NEEDED if kind not in kinds)


def _empty_hours(parameters: Mapping[int, Parameters | None]) -> Iterator[Mistake]:
    """Hours that begin when they end: of no length, or of a day's, and nobody can tell which was meant."""
    for number, given in parameters.items():
        if isinstance(given, QuietHours) and given.start == given.end:
            yield ("rules", number, "parameters"), f"begins and ends at {given.start:%H:%M}, so that no time is quiet"
