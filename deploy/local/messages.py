"""What the simulated carriers put into people's hands, kept so that whoever tries the system can read it."""

import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict

from services.kit.clock import Clock

FILE = "messages.jsonl"
Arrives: TypeAlias = Literal["sms", "email", "voice"]
Took = Callable[[str, str, str], None]
"""Is told the number or address, the text, and the carrier's reference."""


class Message(TypedDict):
    """One message as it arrived, or what a call said. `at` is business time, in UTC as on the whole command line."""

    at: str
    channel: Arrives
    to: str
    text: str
    reference: str


class Messages:
    """Keeps messages in a file of JSON lines."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._file, self._clock = folder / FILE, clock

    def kept(self, channel: Arrives, then: Took | None = None) -> Took:
        """What a carrier of this channel calls for each message; `then` is told of it too."""

        def took(to: str, text: str, reference: str) -> None:
            at = self._clock.now().astimezone(UTC).isoformat()
            self._keep(Message(at=at, channel=channel, to=to, text=text, reference=reference))
            if then:
                then(to, text, reference)

        return took

    def _keep(self, message: Message) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message, ensure_ascii=False) + "\n")


def read_messages(folder: Path, about: str = "", most: int = 20) -> list[Message]:
    """The latest messages that hold this text, oldest first."""
    file = folder / FILE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if about in line][-most:]
