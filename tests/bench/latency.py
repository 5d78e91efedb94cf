"""`latency`: a steady stream; how long from an overdue loan to its notice, and from a cure to the agency's recall.

Both by the broker's own time of the two records, so that queues and clocks of ours play no part.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from deploy.local.stack import LocalStack
from schemas.agencies import PlacementAccepted
from schemas.contacts import NoticeUnanswered
from schemas.topics import CASES, CONTACTS, LOANS, SERVICES
from schemas.values import Arrears
from services.kit.partitions import partition_for, source_on
from tests.bench.contenders import FOLDER
from tests.bench.fleet import Fleet, start
from tests.bench.measure import cpu_seconds
from tests.bench.population import DAY, Mouth, borrower, cured, mouth, overdue, recorded, steadily
from tests.bench.report import Bar, Panel, Progress, table, write
from tests.bench.watching import Seen, Watch

ELSEWHERE = 5_000_000
"""Where the numbers of those borrowers begin who are with an agency."""

AGENCY_DAYS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Events a second, one in `cure_every` of them a cure, at this local time of the day."""

    rate: float = 200.0
    seconds: float = 30.0
    cure_every: int = 5
    at: str = "10:00"
    settle: float = 20.0


@dataclass(slots=True)
class Trip:
    """When something was heard, and when its answer was, by borrower."""

    asked: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)

    def seconds(self) -> list[float]:
        """How long each answered one took, shortest first."""
        return sorted(self.answered[b] - at for b, at in self.asked.items() if b in self.answered)

    @property
    def missing(self) -> int:
        """How many have no answer."""
        return len(self.asked.keys() - self.answered.keys())


@dataclass(slots=True)
class Trips:
    """What the watch sees."""

    notice: Trip = field(default_factory=Trip)
    recall: Trip = field(default_factory=Trip)
    placed: set[str] = field(default_factory=set)
    offers: dict[str, tuple[str, str]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)

    def seen(self, record: Seen) -> None:
        """Take one in."""
        self.kinds[record.type] += 1
        match record.type:
            case "loan.overdue.v1":
                self.notice.asked.setdefault(record.borrower_id, record.taken_at)
            case "notice.sent.v1":
                self.notice.answered.setdefault(record.borrower_id, record.taken_at)
            case "loan.cured.v1":
                self.recall.asked.setdefault(record.borrower_id, record.taken_at)
            case "placement.recalled.v1":
                self.recall.answered.setdefault(record.borrower_id, record.taken_at)
            case "placement.offered.v1":
                data = record.data
                self.offers[record.borrower_id] = data["placement_id"], data["agency_id"]
            case "placement.activated.v1":
                self.placed.add(record.borrower_id)


def run(stack: LocalStack, options: Options) -> int:
    """Prepare, stream, tell; return 1 where an answer never came."""
    trips = Trips()
    cures = int(options.rate * options.seconds / options.cure_every)
    with Progress() as progress:
        progress.stage("starting the four services")
        fleet = start(stack, options.at)
        with Watch(stack.bootstrap, (LOANS.name, CONTACTS.name, CASES.name), trips.seen):
            _prepare(fleet, options, cures, trips, progress)
            trips.notice = Trip()
            busy = _stream(fleet, options, progress)
            _settle(trips, options, progress)
    _tell(trips, busy, options)
    return 1 if trips.notice.missing or trips.recall.missing else 0


def _prepare(fleet: Fleet, options: Options, cures: int, trips: Trips, progress: Progress) -> None:
    """Make all borrowers known, and bring some of them to an agency."""
    fresh = int(options.rate * options.seconds) - cures
    progress.stage(f"{fresh + cures:,} borrowers become known, {cures:,} of them are placed with agencies")
    placed = range(ELSEWHERE, ELSEWHERE + cures)
    with mouth(fleet.stack.bootstrap) as bank:
        everybody = (*range(fresh), *placed)
        bank.say_all(((recorded(n), f"recorded-{n}") for n in everybody), lambda n: progress.show(f"{n:,} published"))
        _become_unanswered(fleet, bank, placed, progress)
        for borrower_id, (placement_id, agency_id) in list(trips.offers.items()):
            accepted = PlacementAccepted(
                borrower_id=borrower_id, placement_id=placement_id, agency_id=agency_id,
                accepted_at=datetime.now(UTC), report_id=f"accepted-{placement_id}",
            )  # fmt: skip
            bank.say(accepted, f"accepted-{placement_id}", source=f"/agency/{agency_id}")
        bank.flush()
        fleet.wait_until_quiet(progress_of(progress, "on their way"), 120)
    _wait(lambda: cures - len(trips.placed) + trips.notice.missing, 120, progress_of(progress, "to be placed or told"))
    progress.stage(f"  {len(trips.placed):,} are with an agency")


def progress_of(progress: Progress, what: str) -> Callable[[int], None]:
    """Shows a count of something."""
    return lambda n: progress.show(f"{n:,} {what}")


def _become_unanswered(fleet: Fleet, bank: Mouth, numbers: Sequence[int], progress: Progress) -> None:
    """Stands for weeks of notices: they were proved delivered and nobody answered.

    Notifier is frozen meanwhile and finds in its table that it has said this: who counts a source twice is a forger.
    """
    others = [name for name in SERVICES if name != "notifier"]
    fleet.wait_until_quiet(progress_of(progress, "on their way"), 300)
    with fleet.frozen("notifier"):
        bank.say_all(((overdue(n, AGENCY_DAYS), f"overdue-{n}") for n in numbers), progress_of(progress, "overdue"))
        fleet.wait_until_quiet(progress_of(progress, "on their way"), 300, services=others)
        said: Counter[int] = Counter()
        for number in numbers:
            place = partition_for(borrower(number).encode(), CONTACTS.partitions)
            said[place] += 1
            source = source_on(CONTACTS.stream, place)
            bank.say(_unanswered(number), f"unanswered-{number}", source=source, sequence=said[place])
        bank.flush()
        fleet.remember_said("notifier", CONTACTS.name, said)
    fleet.wait_until_quiet(progress_of(progress, "on their way"), 120)


def _unanswered(number: int) -> NoticeUnanswered:
    return NoticeUnanswered.model_construct(
        borrower_id=borrower(number), loan_ids=(f"L-{number:07d}",), currency="CNY",
        arrears=Arrears(principal=Decimal(500), interest=Decimal("12.50"), fees=Decimal("0.00")),
        days_past_due=AGENCY_DAYS, notices=(), response_window_days=5,
        window_ended_at=datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC), proof_id=f"PROOF-{number}",
    )  # fmt: skip


def _stream(fleet: Fleet, options: Options, progress: Progress) -> float:
    """Say everything at its time; answer how many cores were busy meanwhile."""
    progress.stage(f"{options.rate:.0f} events/s for {options.seconds:.0f} s")
    parts = [fleet.pid(part) for part in ("notifier", "assignment", "visits", "reporting", "database", "broker")]
    used, since = cpu_seconds(parts), time.monotonic()
    with mouth(fleet.stack.bootstrap) as bank:

        def act(number: int) -> None:
            which, cure = divmod(number, options.cure_every)
            if cure == 0:
                bank.say(cured(ELSEWHERE + which), f"cured-{which}")
            else:
                bank.say(overdue(number - which - 1), f"overdue-{number}")
            if number % 100 == 0:
                progress.show(f"{number:,} said")

        steadily(options.rate, int(options.rate * options.seconds), act)
    return (cpu_seconds(parts) - used) / (time.monotonic() - since)


def _settle(trips: Trips, options: Options, progress: Progress) -> None:
    _wait(lambda: trips.notice.missing + trips.recall.missing, options.settle, progress_of(progress, "to come"))


def _wait(left: Callable[[], int], seconds: float, show: Callable[[int], None]) -> None:
    ends = time.monotonic() + seconds
    while (now := left()) and time.monotonic() < ends:
        show(now)
        threading.Event().wait(0.2)


def _tell(trips: Trips, busy: float, options: Options) -> None:
    rows = [_row("overdue → notice submitted", trips.notice), _row("cure → recall published", trips.recall)]
    table(
        f"Latency at {options.rate:.0f} events/s, seconds",
        ("trip", "count", "p50", "p99", "max", "no answer"),
        [
            (r["trip"], f"{r['count']:,}", *(f"{r[k]:.3f}" for k in ("p50", "p99", "max")), str(r["missing"]))
            for r in rows
        ],
        f"From the broker's time of the fact to the broker's time of the answer. {busy:.2f} cores were busy.",
    )
    figures = {"command": "latency", "options": asdict(options), "rows": rows, "cores_busy": busy}
    bars = [Bar(f"{r['trip']} {k}", {k: r[k]}, f"{r[k]:.3f} s") for r in rows for k in ("p50", "p99", "max")]
    write(FOLDER / "results", "latency", figures, [Panel("Seconds", bars)])


def _row(name: str, trip: Trip) -> dict[str, Any]:
    seconds = trip.seconds() or [0.0]
    at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    quantiles = {key: seconds[min(len(seconds) - 1, int(share * len(seconds)))] for key, share in at.items()}
    return {"trip": name, "count": len(trip.seconds()), **quantiles, "missing": trip.missing}
