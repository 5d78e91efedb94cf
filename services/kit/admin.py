"""What the broker says of topics: how many partitions, which topic of that name it is, and what its logs hold."""

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec

from services.kit.outbox import Stream
from services.kit.positions import Log

PROBE_SECONDS = 2.0


class BrokerAway(Exception):
    """No broker answers at the bootstrap addresses. Worth waiting for."""


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """What there is of a topic. The id tells a topic from one that was deleted and made anew."""

    partitions: int
    id: str


def describe_topics(bootstrap: str, names: Iterable[str]) -> Mapping[str, TopicFacts]:
    """Those of the topics that exist. Raises BrokerAway."""
    with admin_client(bootstrap) as admin:
        return _facts(admin, names)


def read_logs(bootstrap: str, topics: Iterable[str]) -> Mapping[Stream, Log]:
    """What the broker has of every partition of those of the topics that exist. Raises BrokerAway."""
    with admin_client(bootstrap) as admin:
        return logs(admin, topics)


def logs(admin: KafkaAdminClient, topics: Iterable[str]) -> Mapping[Stream, Log]:
    """The same with a client that is open; raises what the client raises."""
    facts = _facts(admin, topics)
    places = [TopicPartition(name, n) for name, topic in facts.items() for n in range(topic.partitions)]
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    last = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return {(p.topic, p.partition): Log(first[p].offset, last[p].offset, facts[p.topic].id) for p in places}


@contextmanager
def admin_client(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """A client for as long as the block runs. Whatever fails in it is raised as BrokerAway."""
    _probe(bootstrap)  # the client, started before the port is open, comes back only after half a minute
    try:
        with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
            yield admin
    except Exception as error:
        raise BrokerAway(f"{bootstrap}: {error!r}") from error


def _facts(admin: KafkaAdminClient, names: Iterable[str]) -> Mapping[str, TopicFacts]:
    found = (topic for topic in admin.describe_topics(sorted(names)) if topic["error_code"] == 0)
    return {t["name"]: TopicFacts(len(t["partitions"]), str(t.get("topic_id") or "")) for t in found}


def _probe(bootstrap: str) -> None:
    errors = []
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), PROBE_SECONDS).close()
        except (OSError, ValueError) as error:
            errors.append(f"{address}: {error}")
        else:
            return
    raise BrokerAway("; ".join(errors))
