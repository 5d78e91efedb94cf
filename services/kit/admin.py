"""What the broker says of topics: how many partitions, and which topic of that name it is."""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kafka.admin import KafkaAdminClient

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
    _probe(bootstrap)  # the client, started before the port is open, comes back only after half a minute
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    except Exception as error:
        raise BrokerAway(f"{bootstrap}: {error!r}") from error
    try:
        described = admin.describe_topics(sorted(names))
    except Exception as error:
        raise BrokerAway(f"{bootstrap}: {error!r}") from error
    finally:
        admin.close()
    found = (topic for topic in described if topic["error_code"] == 0)
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
