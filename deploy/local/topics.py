"""Topics on a broker, made from the one table in `schemas.topics`."""

from dataclasses import asdict, dataclass

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import TopicAlreadyExistsError

from deploy.local.errors import StackError
from schemas.topics import TOPICS


class TopicDiffers(StackError):
    """A topic exists with another number of partitions. It must not be changed: order per borrower depends on it."""


ANSWER_MILLISECONDS = 5_000
"""A broker that says nothing for so long is not there, or the address is wrong."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """What the broker holds of a declared topic; `partitions` is 0 where it is missing."""

    name: str
    owner: str
    readers: tuple[str, ...]
    key: str
    cleanup: str
    partitions: int
    records: int

    def as_json(self) -> dict[str, object]:
        """The same as a plain object."""
        return asdict(self)


def create_topics(bootstrap: str, replication: int = 1) -> None:
    """Create every declared topic that is missing, and wait until it can be used.

    Raises TopicDiffers if one exists in another shape.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=ANSWER_MILLISECONDS)
    try:
        existing = _partitions(admin)
        _refuse_other_shapes(existing)
        missing = {
            topic.name: {"num_partitions": topic.partitions, "replication_factor": replication, "configs": topic.config}
            for topic in TOPICS
            if topic.name not in existing
        }
        if missing:
            _create(admin, missing)
    finally:
        admin.close()


def topic_states(bootstrap: str) -> list[TopicState]:
    """Every declared topic as the broker holds it. `records` counts offsets: of a compacted topic, all ever written."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=ANSWER_MILLISECONDS)
    try:
        existing = _partitions(admin)
        return [
            TopicState(topic.name, topic.owner, topic.readers, topic.key, topic.cleanup, existing.get(topic.name, 0),
                       _records(admin, topic.name, existing.get(topic.name, 0)))
            for topic in TOPICS
        ]  # fmt: skip
    finally:
        admin.close()


def _records(admin: KafkaAdminClient, topic: str, partitions: int) -> int:
    of_topic = [TopicPartition(topic, number) for number in range(partitions)]
    ends = admin.list_partition_offsets({tp: OffsetSpec.LATEST for tp in of_topic}) if of_topic else {}
    return sum(end.offset for end in ends.values())


def _create(admin: KafkaAdminClient, topics: dict[str, dict[str, object]]) -> None:
    try:
        admin.create_topics(topics, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # somebody else was quicker; both read the same table


def _refuse_other_shapes(existing: dict[str, int]) -> None:
    for topic in TOPICS:
        found = existing.get(topic.name, topic.partitions)
        if found != topic.partitions:
            raise TopicDiffers(
                f"Topic {topic.name} has {found} partitions, not {topic.partitions}. "
                "A topic's partition count never changes: point Arrears at another cluster or migrate to a new topic."
            )


def _partitions(admin: KafkaAdminClient) -> dict[str, int]:
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
