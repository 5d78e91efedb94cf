"""Publishing a file of events: everything is checked before anything is sent, and everything sent is acknowledged."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer

from deploy.local.errors import Misused, StackError
from schemas.contract import Checked, Problem, check_text
from schemas.envelope import CONTENT_TYPE, Event, Fact

HEADERS = [("content-type", CONTENT_TYPE.encode())]


class NotPublished(StackError):
    """The broker did not acknowledge every event. Publishing the file again is harmless: repeats take effect once."""


class NotKept(Misused):
    """The file for what is rejected cannot be written."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file of events, checked whole."""

    good: tuple[Checked, ...]
    bad: tuple[Checked, ...]

    @property
    def problems(self) -> list[Problem]:
        """Everything wrong, in the order of the lines."""
        return [problem for checked in self.bad for problem in checked.problems]


def read_sheet(text: str) -> Sheet:
    """Check every event of a file. One that is not for outsiders to say counts as bad."""
    checked = [_outsiders_only(one) for one in check_text(text)]
    return Sheet(tuple(c for c in checked if c.event), tuple(c for c in checked if not c.event))


def _outsiders_only(checked: Checked) -> Checked:
    if checked.event is None or type(checked.event.data).TOPIC.intake:
        return checked
    topic = type(checked.event.data).TOPIC
    what = f"{checked.event.type} is said by {topic.owner} alone, on {topic.name}"
    return Checked(checked.line, checked.text, None, (Problem(checked.line, "type", what),))


def write_rejects(sheet: Sheet, path: Path) -> None:
    """Write the bad events, unchanged, so that they can be mended and published. Raises NotKept."""
    try:
        path.write_text("".join(f"{checked.text}\n" for checked in sheet.bad), encoding="utf-8")
    except OSError as error:
        raise NotKept(f"--rejects {path} cannot be written: {error.strerror}. Nothing was published.") from None


def publish(events: Iterable[tuple[Event[Fact], bytes]], bootstrap: str, tick: Callable[[], None]) -> int:
    """Send each event as it stands with its key, on its topic; return how many were acknowledged.

    The client's default partitioner is the Java one (murmur2), so a borrower's partition is the same everywhere.
    `tick` is called once per event taken. Raises NotPublished when an acknowledgement does not come.
    """
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=20)
    sent = []
    try:
        for event, value in events:
            topic = type(event.data).TOPIC.name
            sent.append(producer.send(topic, key=event.data.key.encode(), value=value, headers=HEADERS))
            tick()
        producer.flush(timeout=120)
        return sum(1 for future in sent if future.get(timeout=120))
    except Exception as error:
        raise NotPublished(f"The broker at {bootstrap} did not take every event: {error}. Try again.") from error
    finally:
        producer.close(timeout=10)
