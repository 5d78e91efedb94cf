"""The named moments at which a process is killed, frozen or made to raise: the same words for plan and report."""

from dataclasses import dataclass

ALL = ("notifier", "assignment", "visits", "reporting")
SPEAKING = ("notifier", "assignment")
"""Services that say enough for a moment of the outbox to come soon."""


@dataclass(frozen=True, slots=True)
class Window:
    """A moment, the services that live through it often, and whether a kill may fall there."""

    name: str
    services: tuple[str, ...] = ALL
    kills: bool = True
    nudge: bool = False
    """It comes only with a new assignment: another worker of the service is killed to bring it about."""

    early: bool = False
    """It comes only while people are written to, which near the end of a short story nobody is any more."""


BEFORE_POLL = "before poll"
BEFORE_TRANSACTION = "after poll, before the transaction"
IN_TRANSACTION = "inside the transaction"
AFTER_COMMIT = "after the database's commit, before the group's offset"
AFTER_OFFSET = "after the group's offset"
CLAIMED = "outbox claimed, not sent"
SENT = "sent, not acknowledged"
ACKNOWLEDGED = "acknowledged, not marked"
BEFORE_SUBMIT = "before SMS submit"
NO_RESPONSE = "submitted, no response"
RESPONSE = "response not stored"
RECEIPT = "receipt received, not stored"
SEEKING = "during a seek"
QUEUED = "with batches queued"
FIRST_BATCH = "first batch of a new partition"
TIMER = "inside a timer's transaction"
HANDLER = "in a handler"

WINDOWS = (
    Window(BEFORE_POLL),
    Window(BEFORE_TRANSACTION),
    Window(IN_TRANSACTION),
    Window(AFTER_COMMIT),
    Window(AFTER_OFFSET),
    Window(CLAIMED, SPEAKING),
    Window(SENT, SPEAKING),
    Window(ACKNOWLEDGED, SPEAKING),
    Window(BEFORE_SUBMIT, ("notifier",), early=True),
    Window(NO_RESPONSE, ("notifier",), early=True),
    Window(RESPONSE, ("notifier",), early=True),
    Window(RECEIPT, ("notifier",), early=True),
    Window(SEEKING, nudge=True),
    Window(QUEUED),
    Window(FIRST_BATCH, nudge=True),
    Window(TIMER, SPEAKING),
    Window(HANDLER, kills=False),
)
BY_NAME = {window.name: window for window in WINDOWS}


def slug(name: str) -> str:
    """The name as a file may have it."""
    return "".join(c if c.isalnum() else "-" for c in name)
