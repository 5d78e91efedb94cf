"""`step`: one stateful job, done by everybody on the same broker and database, one after another in one run."""

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg.sql import SQL, Identifier

from deploy.local.stack import LocalStack
from schemas.topics import LOANS
from tests.bench.contenders import BY_NAME, FOLDER, Contender, NotAvailable, Place
from tests.bench.inputs import fill, make_topics
from tests.bench.job import STAMPED
from tests.bench.measure import Meter, Stretch, log_ends
from tests.bench.report import Bar, Panel, Progress, table, write

START_SECONDS_MAX = 60.0
MARK_EVERY = 0.5
WARMING_SECONDS = 5.0
SEQUENCE = b'{"sequence":'


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run. Each contender gets `warm` seconds from its first event on, then `seconds` that count."""

    only: tuple[str, ...]
    events: int = 1_000_000
    loans: int = 50_000
    warm: float = 10.0
    seconds: float = 25.0
    rounds: int = 1
    name: str = "step"


@dataclass(frozen=True, slots=True)
class Result:
    """One contender's figures in one round. `wrong` counts loans whose steps do not come 1, 2, 3 … each once."""

    name: str
    stretch: Stretch
    said: int
    wrong: int


def run(stack: LocalStack, options: Options) -> int:
    """Run all contenders; return 1 where one's result was wrong."""
    results: list[Result] = []
    missing: dict[str, str] = {}
    try:
        with Progress() as progress:
            _fill(stack.bootstrap, options, progress)
            _warm_up(stack, options, progress)
            for number in range(options.rounds):
                for name in options.only if number % 2 == 0 else reversed(options.only):
                    if name not in missing:
                        _try(stack, BY_NAME[name], options, (progress, number, results, missing))
    finally:  # whoever loses patience still gets what there is
        _tell(results, missing, options)
    return 1 if any(result.wrong for result in results) else 0


def _fill(bootstrap: str, options: Options, progress: Progress) -> None:
    topics = {BY_NAME[name].reads for name in options.only}
    make_topics(bootstrap, STAMPED.name, LOANS.name)
    for topic in (STAMPED, LOANS):
        if topic.name in topics:
            progress.stage(f"publishing {options.events:,} facts on {topic.name}")
            fill(bootstrap, topic, options.events, options.loans, lambda n: progress.show(f"{n:,}"))


def _warm_up(stack: LocalStack, options: Options, progress: Progress) -> None:
    """Let broker and database translate and cache what they will need, or the first contender pays for it."""
    reads = {BY_NAME[name].reads for name in options.only}
    for contender in (BY_NAME["ours"], BY_NAME["bare"]):
        if contender.reads in reads:
            progress.stage(f"warming up broker and database with {contender.title}; it does not count")
            with placed(stack, contender) as place:
                _measured(stack, contender, place, replace(options, warm=3.0, seconds=WARMING_SECONDS), progress)


def _try(
    stack: LocalStack,
    contender: Contender,
    options: Options,
    into: tuple[Progress, int, list[Result], dict[str, str]],
) -> None:
    progress, number, results, missing = into
    progress.stage(f"{contender.title}, round {number + 1} of {options.rounds}")
    try:
        with placed(stack, contender) as place:
            results.append(_measured(stack, contender, place, options, progress))
    except NotAvailable as error:
        missing[contender.name] = str(error)
        progress.stage(f"  not available: {error}")


@contextmanager
def placed(stack: LocalStack, contender: Contender) -> Iterator[Place]:
    """A topic, a folder and a database for one run of one contender; the database is dropped afterwards."""
    name = f"{contender.name.replace('-', '_')}_{uuid.uuid4().hex[:6]}"
    folder = FOLDER / "work" / name
    folder.mkdir(parents=True)
    said = f"bench.{name}.v1"
    make_topics(stack.bootstrap, said)
    log_of(contender).unlink(missing_ok=True)
    admin = stack.database_url()
    _execute(admin, "CREATE DATABASE {}", name)
    try:
        yield Place(stack.bootstrap, urlsplit(admin)._replace(path=f"/{name}").geturl(), folder, said)
    finally:
        _execute(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        shutil.rmtree(folder, ignore_errors=True)


def _execute(url: str, statement: str, database: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL(statement).format(Identifier(database)))


def log_of(contender: Contender) -> Path:
    """Where what it prints goes."""
    return FOLDER / f"{contender.name}.log"


@contextmanager
def started(contender: Contender, place: Place, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of the contender, for the block."""
    environment = {**os.environ, **place.environment, **contender.environment(place), **settings}
    with log_of(contender).open("ab") as output:
        process = subprocess.Popen(
            contender.command(place), env=environment, stdout=output, stderr=output, cwd=place.folder
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _measured(stack: LocalStack, contender: Contender, place: Place, options: Options, progress: Progress) -> Result:
    with started(contender, place) as process, log_ends(place.bootstrap, place.said) as ends:
        meter = Meter(roots(stack, process.pid), lambda: ends()[place.said])
        until_first(process, contender, meter)
        enough = options.events * 0.97

        def show(count: float) -> None:
            progress.show(f"{contender.title}: {count:,.0f}")

        first = meter.watch(options.warm, enough, show, MARK_EVERY)
        last = meter.watch(options.seconds, enough, show, MARK_EVERY)
    said, wrong, offsets = examine(place.bootstrap, place.said)
    stretch = meter.between(first, last, said / offsets if offsets else 1.0)
    progress.stage(f"  {stretch.rate:,.0f} events/s, {stretch.micros_all:,.0f} µs per event, {_shown(stretch)}")
    return Result(contender.name, stretch, said, wrong)


def _shown(stretch: Stretch) -> str:
    return ", ".join(f"{part} {micros:.1f}" for part, micros in stretch.micros.items())


def roots(stack: LocalStack, *own: int) -> dict[str, Sequence[int]]:
    """Whose processor time counts: the contender's own, the database's and the broker's."""
    state = stack.supervisor.state()
    found: dict[str, Sequence[int]] = {"own": own}
    for part, name in (("database", "postgres"), ("broker", "kafka")):
        pid = state[name].pid
        assert pid is not None
        found[part] = [pid]
    return found


def until_first(process: "subprocess.Popen[bytes]", contender: Contender, meter: Meter) -> None:
    ends = time.monotonic() + START_SECONDS_MAX
    while not meter.count():
        if process.poll() is not None or time.monotonic() > ends:
            tail = log_of(contender).read_text(errors="replace")[-600:]
            raise NotAvailable(f"said nothing within {START_SECONDS_MAX:.0f} s; its log ends with\n{tail}")
        time.sleep(0.1)


def examine(bootstrap: str, topic: str) -> tuple[int, int, int]:
    """Read all that was said: committed records, loans with a doubled, lost or reordered step, offsets given out.

    What was being said when the contender was stopped only shortens a loan's row of steps.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        count = len(consumer.list_topics(topic, 10).topics[topic].partitions)
        places = [TopicPartition(topic, n, 0) for n in range(count)]
        offsets = sum(consumer.get_watermark_offsets(place, 10)[1] for place in places)
        consumer.assign(places)
        return (*_follow(consumer, count), offsets)
    finally:
        consumer.close()


def _follow(consumer: Consumer, partitions: int) -> tuple[int, int]:
    at: dict[bytes, int] = {}
    last: dict[int, int] = {}
    wrong: set[bytes] = set()
    said = 0
    while partitions:
        for message in consumer.consume(10_000, 1.0):
            if message.error():
                partitions -= 1  # the end of one
                continue
            value, partition = message.value() or b"", message.partition() or 0
            if value.startswith(SEQUENCE):  # a relay may publish again after a handover; readers drop it by its stamp
                sequence = int(value[len(SEQUENCE) :].partition(b",")[0])
                if sequence <= last.get(partition, 0):
                    continue
                last[partition] = sequence
            said += 1
            key, times = message.key() or b"", _times(value)
            if times != at.get(key, 0) + 1:
                wrong.add(key)
            at[key] = times
    return said, len(wrong)


def _times(value: bytes) -> int:
    return int(value.partition(b'"times":')[2].partition(b",")[0])


# -- telling ----------------------------------------------------------------------------------------------------------


def _tell(results: Sequence[Result], missing: Mapping[str, str], options: Options) -> None:
    rows = [_row(name, results) for name in options.only if any(r.name == name for r in results)]
    ours = next((row for row in rows if row["name"] == "ours"), None)
    table(
        "The step: read, update the state per loan, say one event",
        ("contender", "events/s", "ours ×", "CPU µs/event", "own", "database", "broker", "ours ÷", "MB", "wrong"),
        [_cells(row, ours) for row in rows],
        "CPU: own + database + broker. ours ×: our events/s over theirs; ours ÷: our CPU over theirs. fsync on.\n"
        + "\n".join(f"{BY_NAME[row['name']].title}: {BY_NAME[row['name']].promise}" for row in rows),
    )
    for name, why in missing.items():
        table(f"{BY_NAME[name].title} did not run", ("why",), [(why,)])
    figures = {"command": options.name, "options": asdict(options), "rows": rows, "missing": dict(missing)}
    write(FOLDER / "results", options.name, figures, _panels(rows))


def _row(name: str, results: Sequence[Result]) -> dict[str, Any]:
    mine = [result for result in results if result.name == name]
    parts = mine[0].stretch.micros
    return {
        "name": name,
        "title": BY_NAME[name].title,
        "promise": BY_NAME[name].promise,
        "rate": median(result.stretch.rate for result in mine),
        "rates": [result.stretch.rate for result in mine],
        "micros": {part: median(result.stretch.micros[part] for result in mine) for part in parts},
        "micros_all": median(result.stretch.micros_all for result in mine),
        "memory_bytes": max(result.stretch.memory_bytes for result in mine),
        "events": [result.stretch.events for result in mine],
        "said": [result.said for result in mine],
        "wrong": sum(result.wrong for result in mine),
    }


def _cells(row: Mapping[str, Any], ours: Mapping[str, Any] | None) -> list[str]:
    parts = [f"{row['micros'][part]:.1f}" for part in ("own", "database", "broker")]
    faster = f"{ours['rate'] / row['rate']:.2f}" if ours else ""
    cheaper = f"{ours['micros_all'] / row['micros_all']:.2f}" if ours else ""
    size = f"{row['memory_bytes'] / 1e6:,.0f}"
    return [
        *(row["title"], f"{row['rate']:,.0f}", faster),
        *(f"{row['micros_all']:.1f}", *parts, cheaper, size, str(row["wrong"])),
    ]


def _panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    return [
        Panel("CPU µs per event (less is better)", [Bar(row["title"], row["micros"]) for row in rows]),
        Panel("Events per second (more is better)", [Bar(row["title"], {"events/s": row["rate"]}) for row in rows]),
    ]
