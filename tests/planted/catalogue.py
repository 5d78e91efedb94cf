"""The catalogue of planted bugs: what each one changes, and which tests are there to see it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("bugs.toml")


class Moved(Exception):
    """The code that a bug changes is not there any more, or stands there more than once: the catalogue must follow."""


@dataclass(frozen=True, slots=True)
class Change:
    """One replacement in one file."""

    file: str
    before: str
    after: str

    def applied_to(self, text: str) -> str:
        """The file with the bug in it. Raises Moved."""
        if (count := text.count(self.before)) != 1:
            raise Moved(f"{self.file}: found {count} times instead of once: {self.before!r}")
        return text.replace(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug, the promise or rule it breaks, and the tests that are asked about it."""

    name: str
    rule: str
    tests: tuple[str, ...]
    changes: tuple[Change, ...]

    def plant(self, tree: Path) -> dict[Path, str]:
        """Change the files under `tree`; answer what stood there before. Raises Moved, and then changes nothing."""
        before: dict[Path, str] = {}
        after: dict[Path, str] = {}
        for change in self.changes:
            path = tree / change.file
            before.setdefault(path, path.read_text(encoding="utf-8"))
            after[path] = change.applied_to(after.get(path, before[path]))
        for path, text in after.items():
            path.write_text(text, encoding="utf-8")
        return before


def bugs(catalogue: Path = CATALOGUE) -> list[Bug]:
    """All bugs of the catalogue, in its order."""
    found = tomllib.loads(catalogue.read_text(encoding="utf-8"))["bug"]
    return [Bug(b["name"], b["rule"], tuple(b["tests"]), tuple(Change(**c) for c in b["change"])) for b in found]
