"""A rule book: the rules of one country, read from a pack. Data with a version; the house's own rules are marked so."""

from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from schemas.values import Channel
from services.rulebook.kinds import KINDS, Parameters
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

    certainty: how well its value is known (reference: rules, section 0). text: the sentence that a denial gives as its
    reason. In force on the borrower's local days from `effective_from` to `effective_to`, both included. applied_from:
    the house keeps it from that day on, as its own policy until it is in force. channels: none named means every one.
    """

    id: Annotated[str, SOME]
    text: str
    clause: str = ""
    force: Force
    certainty: Annotated[str, SOME]
    effective_from: date
    effective_to: date | None = None
    applied_from: date | None = None
    channels: tuple[Channel, ...] = ()
    kind: str
    parameters: Any = field(default_factory=dict)

    def force_on(self, day: date) -> Force | None:
        """With what force it applies on a day; None when it does not."""
        if self.effective_to is not None and day > self.effective_to:
            return None
        if day >= self.effective_from:
            return self.force
        return "POLICY" if self.applied_from is not None and day >= self.applied_from else None

    def concerns(self, channel: Channel) -> bool:
        """Whether it speaks of this channel."""
        return not self.channels or channel in self.channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules of one country. `country` is the first part of its regions' codes (ISO 3166-2).

    calendars: name → year → the days it marks; a year that is not there is unknown, and rules that need it deny.
    """

    jurisdiction: str
    country: Annotated[str, TWO_CAPITALS]
    version: str
    regions: Annotated[frozenset[str], SOME]
    calendars: dict[str, dict[int, tuple[date, ...]]] = field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], SOME]
    digest: str = ""

    @property
    def label(self) -> str:
        """Jurisdiction, version and digest, as every decision names the rule book it rests on."""
        return f"{self.jurisdiction}-{self.version}@{self.digest}"

    @property
    def history_days(self) -> int:
        """How many days of contacts its caps and cooldowns look back on, at most."""
        return max((rule.parameters.days_back for rule in self.rules), default=1)


@cache
def load_rulebook(jurisdiction: str | Path) -> Rulebook:
    """Read the pack of a jurisdiction ("CN", "us", …) or a file. Raises BadPack with every mistake and its line."""
    path = jurisdiction if isinstance(jurisdiction, Path) else FOLDER / f"{jurisdiction.lower()}.toml"
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
    return replace(book, rules=tuple(rules))


def load_rulebooks() -> dict[str, Rulebook]:
    """Every pack of the house, by country."""
    books = [load_rulebook(path.stem) for path in sorted(FOLDER.glob("*.toml"))]
    return {book.country: book for book in books}


def _parameters(document: Document, number: int, rule: Rule) -> Parameters:
    place = ("rules", number)
    if rule.kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise BadPack([document.problem((*place, "kind"), f"{rule.kind!r} is not one of {known}")])
    parameters: Parameters = document.into(KINDS[rule.kind], rule.parameters, (*place, "parameters"))
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
