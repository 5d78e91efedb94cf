"""Idiomatic faust-streaming: an agent per event, a Table, and an output topic.

At least once, and what it was doing when it failed is lost or doubled; there is no stronger mode that it keeps.
"""

import os
import sys
from datetime import UTC, datetime

import faust

from tests.bench.job import SAID, STAMPED, envelope, from_plain, read, step, to_plain

app = faust.App(
    "bench-faust",
    broker=f"aiokafka://{os.environ['BENCH_BOOTSTRAP']}",
    store="memory://",
    topic_partitions=STAMPED.partitions,
    datadir=os.environ["BENCH_FOLDER"],
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    value_serializer="raw",
)
overdue = app.topic(STAMPED.name, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
steps = app.topic(SAID.name, key_type=bytes, value_type=bytes, value_serializer="raw", key_serializer="raw")
loans = app.Table("loans", default=dict, partitions=STAMPED.partitions, value_type=dict, key_type=str)


@app.agent(overdue)
async def on_overdue(stream):  # type: ignore[no-untyped-def]
    async for value in stream:
        fact, now = read(value), datetime.now(UTC)
        loan, answer = step(from_plain(loans[fact.loan_id]), fact, now)
        loans[fact.loan_id] = to_plain(loan)
        await steps.send(key=fact.borrower_id.encode(), value=envelope(answer, f"{fact.loan_id}-{loan.times}", now))


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "-l", "warn"]
    app.main()
