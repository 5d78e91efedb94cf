"""The bank's journal: every action is on disk before its facts are said, so that a killed bank can take up its work."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from deploy.local.teller import Action

_action = TypeAdapter(Action)
_SAID = b'{"said":true}\n'


class Journal:
    """What the bank has done, in order, and up to where it has been said."""

    def __init__(self, file: Path) -> None:
        self._lines = _whole_lines(file)
        self._file = file
        self.said_up_to = max((n for n, line in enumerate(self._lines) if line == _SAID), default=-1)

    def actions(self) -> Iterator[tuple[Action, bool]]:
        """Each action, and whether what came of it has surely been said."""
        for number, line in enumerate(self._lines):
            if line != _SAID:
                yield _action.validate_json(line), number < self.said_up_to
        self._lines = []

    def write(self, actions: Sequence[Action]) -> None:
        """Note actions before their facts leave the house."""
        self._append(b"".join(_action.dump_json(action, exclude_defaults=True) + b"\n" for action in actions))

    def said(self) -> None:
        """Note that everything up to here stands on the log."""
        self._append(_SAID)

    def _append(self, lines: bytes) -> None:
        with self._file.open("ab") as file:
            file.write(lines)


def _whole_lines(file: Path) -> list[bytes]:
    """The journal's lines; a last one that was cut off is dropped, for its facts were not said."""
    if not file.exists():
        return []
    lines = file.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        file.write_bytes(b"".join(lines))
    return lines
