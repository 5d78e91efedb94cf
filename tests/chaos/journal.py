"""What the run did, a line each, in `journal.jsonl`; and what the workers noted, read as it grows."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Journal:
    """Written by the run alone."""

    path: Path
    loud: bool = True
    begun: float = field(default_factory=time.time)

    def write(self, what: str, **more: Any) -> None:
        """Write one line, and show it."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "at": time.time(), **more}) + "\n")
        if self.loud:
            shown = " ".join(f"{name}={value}" for name, value in more.items() if value not in ("", None))
            print(f"{time.time() - self.begun:7.1f} s  {what:12} {shown}", flush=True)  # noqa: T201


@dataclass
class Notes:
    """What the workers have noted so far."""

    path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    _at: int = 0

    def read(self) -> list[dict[str, Any]]:
        """All notes; the file is read on from where it was left."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._at)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._at += len(line)
                    self.lines.append(json.loads(line))
        return self.lines

    def hit(self, step: int) -> dict[str, Any] | None:
        """The note of the process that did what this step had armed."""
        return next((note for note in self.read() if note["what"] == "hit" and note["step"] == step), None)
