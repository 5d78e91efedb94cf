"""Reading topics from outside as things happen, by the broker's own time of each record."""

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_END, Consumer, TopicPartition


@dataclass(frozen=True, slots=True)
class Seen:
    """A record: type of its event, borrower, when the broker took it (seconds since 1970), and its data."""

    topic: str
    partition: int
    type: str
    borrower_id: str
    taken_at: float
    data: dict[str, Any]


class Watch:
    """Calls back for each new record of some topics, in a thread of its own, from the moment it is entered."""

    def __init__(self, bootstrap: str, topics: Iterable[str], seen: Callable[[Seen], None]) -> None:
        self._bootstrap, self._topics, self._seen = bootstrap, list(topics), seen
        self._over, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        settings = {
            "bootstrap.servers": self._bootstrap,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 20,
            "log_level": 2,
        }
        with closing(Consumer(settings)) as consumer:
            known = consumer.list_topics(timeout=10).topics
            places = [TopicPartition(t, n) for t in self._topics for n in range(len(known[t].partitions))]
            for place in places:  # by number, so that nothing between two requests is missed
                place.offset = consumer.get_watermark_offsets(place, timeout=10)[1] or OFFSET_END
            consumer.assign(places)
            self._ready.set()
            while not self._over.is_set():
                for message in consumer.consume(2000, 0.05):
                    if not message.error():
                        self._seen(_seen(message))


def _seen(message: Any) -> Seen:
    event = json.loads(message.value())
    return Seen(
        message.topic(),
        message.partition(),
        event["type"],
        (message.key() or b"").decode(),
        message.timestamp()[1] / 1000,
        event["data"],
    )
