"""Idiomatic quixstreams with `processing_guarantee="exactly-once"`: a stateful function and an output topic."""

import os
from datetime import UTC, datetime

from quixstreams import Application, State  # type: ignore[import-not-found]

from tests.bench.job import SAID, STAMPED, envelope, from_plain, read, step, to_plain


def on_overdue(value: bytes, state: State) -> bytes:
    fact, now = read(value), datetime.now(UTC)
    loan, answer = step(from_plain(state.get("loan")), fact, now)
    state.set("loan", to_plain(loan))
    return envelope(answer, f"{fact.loan_id}-{loan.times}", now)


def main() -> None:
    app = Application(
        broker_address=os.environ["BENCH_BOOTSTRAP"],
        consumer_group="bench-quix",
        processing_guarantee="exactly-once",
        auto_offset_reset="earliest",
        state_dir=os.environ["BENCH_FOLDER"],
        loglevel="WARNING",
    )
    overdue = app.topic(STAMPED.name, key_deserializer="bytes", value_deserializer="bytes")
    steps = app.topic(SAID.name, key_serializer="bytes", value_serializer="bytes")
    app.dataframe(overdue).apply(on_overdue, stateful=True).to_topic(steps)
    app.run()


if __name__ == "__main__":
    main()
