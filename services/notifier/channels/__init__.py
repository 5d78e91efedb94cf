"""How a notice leaves the house: one small port, three carriers behind it. Nothing here decides whether to send.

`submit` ends in exactly one of three outcomes, or in `ChannelDown` or `Withheld` when nothing at all has left. A
message may wait for a connection, for the carrier or for a batch; so each channel asks at the very end of that whether
it may still go.
"""

from collections.abc import Awaitable, Callable, Mapping
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


REFERENCE_MAX = 1000
"""Characters; the longest of ours is the Message-ID of the longest id, quoted."""


def is_reference(text: str) -> bool:
    """Whether a carrier's reference can be kept and found again: printable signs alone (a database takes no NUL)."""
    return 0 < len(text) <= REFERENCE_MAX and text.isprintable()


class Withheld(Exception):
    """The message may not go, or not now. Nothing has left the house, and the carrier is not to blame."""


Leaving: TypeAlias = Callable[[], Awaitable[None]]
"""Asked in the instant before the message leaves; once it has returned, nothing may be waited for. Raises Withheld."""


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

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message. Raises ChannelDown when nothing has left, and what `leaving` raises."""
        ...
