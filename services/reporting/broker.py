"""Asks the broker how many records stand on the dead-letter topics, without reading them, and who works."""

from collections.abc import Mapping

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import UnknownTopicOrPartitionError

from schemas.topics import DEAD_LETTERS, SERVICES, Topic


def dead_letters(bootstrap: str) -> dict[str, int]:
    """Service → records on its dead-letter topic. A topic that is not there holds none.

    Raises kafka.errors.KafkaError while the broker is away.
    """
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return {service: _count(client, topic) for service, topic in DEAD_LETTERS.items()}
    finally:
        client.close()


def idle(bootstrap: str) -> frozenset[str]:
    """The services that have worked before and of which nobody works at this moment.

    Raises kafka.errors.KafkaError while the broker is away.
    """
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return frozenset(name for name, group in client.describe_groups(SERVICES).items() if _is_empty(group))
    finally:
        client.close()


def _is_empty(group: Mapping[str, object]) -> bool:
    """A group that was never there is "Dead" to Kafka, one that its members have left is "Empty"."""
    return group.get("group_state") == "Empty"


def _count(client: KafkaAdminClient, topic: Topic) -> int:
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    try:
        ends = client.list_partition_offsets({p: OffsetSpec.LATEST for p in partitions})
        starts = client.list_partition_offsets({p: OffsetSpec.EARLIEST for p in partitions})
    except UnknownTopicOrPartitionError:
        return 0
    return sum(ends[p].offset - starts[p].offset for p in partitions)
