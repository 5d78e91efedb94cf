"""Up to where somebody has accepted that records of a partition end in the dead letters, however many they are.

The limits on dead letters stop a partition before a bad deployment, or a broken producer, drains it. Where they are in
the way of what is rightly dead, a person says so; each decision is kept.
"""

from services.kit.alarms import calm, raise_alarms, standing
from services.kit.outbox import Stream
from services.kit.writes import Raw

KIND = "dead_letters"
_UNTIL = "SELECT max(until) FROM accepted_letters WHERE topic = %s AND partition = %s"
_POSITION = "SELECT next FROM positions WHERE topic = %s AND partition = %s"
_ACCEPT = "INSERT INTO accepted_letters (topic, partition, until, reason, decided_by) VALUES (%s, %s, %s, %s, %s)"


def until(raw: Raw, stream: Stream) -> int:
    """The offset below which everything that cannot be applied is accepted; 0 where nobody has decided anything."""
    row = raw.execute(_UNTIL, list(stream)).fetchone()
    return int(row[0] or 0) if row else 0


def accept(raw: Raw, stream: Stream, offset: int, reason: str, by: str) -> bool:
    """Accept what stands below an offset; the decision is kept. False where all of it has been read already."""
    row = raw.execute(_POSITION, list(stream)).fetchone()
    if row is None or row[0] >= offset:
        return False
    raw.execute(_ACCEPT, [*stream, offset, reason, by])
    calm(raw, KIND, _about(stream))
    return True


def raise_alarm(raw: Raw, stream: Stream, text: str) -> None:
    """Keep for people that a partition stands still."""
    raise_alarms(raw, KIND, [(_about(stream), text)])


def alarms(raw: Raw) -> dict[str, str]:
    """The partitions that stand still, as topic/partition, and why."""
    return standing(raw, KIND)


def _about(stream: Stream) -> str:
    return f"{stream[0]}/{stream[1]}"
