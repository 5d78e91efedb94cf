"""The bank's journal: every action is on disk before its facts are said, so that a killed bank can take up its work."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from deploy.local.teller import Action

_action = TypeAdapter(Action)
_SAID = b'{"said":true}\n'


class Journal:
    """What the bank has done, in order, and up to where it has been said."""

    def __init__(self, file: Path) -> None:
        self._lines = _whole_lines(file)
        self._file = file.open("ab")
        self.said_up_to = max((n for n, line in enumerate(self._lines) if line == _SAID), default=-1)

    def actions(self) -> Iterator[tuple[Action, bool]]:
        """Each action, and whether what came of it has surely been said."""
        for number, line in enumerate(self._lines):
            if line != _SAID:
                yield _action.validate_json(line), number < self.said_up_to
        self._lines = []

    def write(self, actions: Sequence[Action]) -> None:
        """Note actions before their facts leave the house."""
        self._file.write(b"".join(_action.dump_json(action, exclude_defaults=True) + b"\n" for action in actions))
        self._file.flush()

    def said(self) -> None:
        """Note that everything up to here stands on the log."""
        self._file.write(_SAID)
        self._file.flush()


def _whole_lines(file: Path) -> list[bytes]:
    """The journal's lines; a last one that was cut off is dropped, for its facts were not said."""
    if not file.exists():
        return []
    lines = file.read_bytes().splitlines(keepends=True)
    if lines and not _reads(lines[-1]):
        lines.pop()
        file.write_bytes(b"".join(lines))
    return lines


def _reads(line: bytes) -> bool:
    with suppress(ValidationError):
        return line == _SAID or bool(_action.validate_json(line))
    return False
