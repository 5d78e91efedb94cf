"""How a notice leaves the house: one small port, three carriers behind it. Nothing here decides whether to send.

`submit` ends in exactly one of three outcomes, or in `ChannelDown` when nothing at all has left.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Message:
    """A notice, rendered, and where it goes. `to` is a number, a mail address or a postal address: personal.

    text: the whole message in plain text. html: the same for mail. sheet: the parts of a printed letter. greeting: what
    is said on the telephone before the person has confirmed who they are; nothing in it tells of a debt.
    """

    contact_id: str
    to: str
    language: str
    subject: str = ""
    text: str = ""
    html: str = ""
    sheet: Mapping[str, object] = field(default_factory=dict)
    greeting: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier has taken it and will answer for it under this reference."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The carrier will not take it; another channel may."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have gone out. It is never sent again by itself."""

    reason: str


Submission: TypeAlias = Accepted | Refused | Unknown


class ChannelDown(Exception):
    """Nothing has left the house: the carrier is away or too busy. The same message may be submitted again."""


class Channel(Protocol):
    """A carrier. `open` connects in the background for ever, `window` is how many messages may be under way at once."""

    window: int

    async def open(self) -> None:
        """Begin to connect; returns at once."""
        ...

    async def close(self) -> None:
        """Let go of the carrier; what is under way ends as Unknown."""
        ...

    def ready(self) -> bool:
        """Whether a message would be taken now, as far as is known without asking."""
        ...

    async def submit(self, message: Message) -> Submission:
        """Hand over one message. Raises ChannelDown when nothing has left."""
        ...
