"""What the audit found, in Jepsen's words, and how much it looked at."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Kind = Literal["lost", "doubled", "invented", "reordered", "unseen", "gaps"]
KINDS: tuple[Kind, ...] = ("lost", "doubled", "invented", "reordered", "unseen", "gaps")
MEANING: dict[str, str] = {
    "lost": "a fact that the broker had acknowledged, or that a service had committed, took no effect",
    "doubled": "a fact took effect more than once",
    "invented": "an effect, or an event, that nothing caused",
    "reordered": "facts of one borrower, or events of one source, took effect in another order than they have",
    "unseen": "on the log, or committed to be said, and not read or published when all was quiet",
    "gaps": "a number of a gapless sequence that never came",
}
EXAMPLES_MAX = 12
Example: TypeAlias = dict[str, Any]


@dataclass
class Findings:
    """Counts per kind and check, some examples of each, and how many things each check looked at."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    looked_at: Counter[str] = field(default_factory=Counter)

    def found(self, kind: Kind, check: str, **about: Any) -> None:
        """One finding."""
        self.counts[kind, check] += 1
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES_MAX:
            kept.append({"check": check, **{name: _shown(value) for name, value in about.items()}})

    def looked(self, check: str, count: int = 1) -> None:
        """So many things were looked at, whatever came of it."""
        self.looked_at[check] += count

    def total(self, kind: Kind) -> int:
        """How many findings of a kind."""
        return sum(count for (found, _), count in self.counts.items() if found == kind)

    def totals(self) -> dict[str, int]:
        """All kinds."""
        return {kind: self.total(kind) for kind in KINDS}


def _shown(value: Any) -> Any:
    return value if isinstance(value, int | float | str | bool | None) else str(value)
