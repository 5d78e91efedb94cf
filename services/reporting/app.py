"""Plugs reporting together: what it reads, what it keeps, its pages, and the loops that publish, watch and count."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from fastapi import FastAPI
from pydantic import AfterValidator, Field, model_validator

from schemas.topics import REPORTING, topics_of
from services.kit.plug import Plug
from services.kit.service import Service
from services.kit.settings import Settings
from services.reporting import handlers
from services.reporting.api import add_api
from services.reporting.api.asked import Desk, Reporting
from services.reporting.broker import dead_letters, idle
from services.reporting.domain.alarms import alarms
from services.reporting.domain.reports import ALARMS, Alarm, Report
from services.reporting.pages.views import add_console
from services.reporting.store import letters, said
from services.reporting.store.daily import daily, first_day, last_day, name_of
from services.reporting.store.laws import laws
from services.reporting.store.record import record
from services.reporting.store.stops import wrongful
from services.reporting.store.tables import metadata

WATCH_SECONDS = 5.0  # a law that breaks is told of within two rounds
REPORT_SECONDS = 5.0
LETTERS_SECONDS = 10.0
IDLE_LOOKS, IDLE_LOOKS_MAX = 4, 6  # of LETTERS_SECONDS each: said within a minute, over half a minute after
RESTATE_DAYS = 2  # so many closed days are looked at again; what comes later is restated by asking for that day
CATCH_UP_DAYS = 31


ZONES = {"CN": "Asia/Shanghai", "US": "America/New_York", "IN": "Asia/Kolkata", "UK": "Europe/London"}


def _zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ValueError(f"{name!r} is not the IANA name of a time zone")
    return name


class ReportingSettings(Settings):
    """Settings of reporting."""

    fetch_wait_seconds: Annotated[float, Field(gt=0, le=5)] = 0.5
    """Nobody is kept from a door by what reporting knows: it may read less often than those who decide."""
    report_zone: Annotated[str, AfterValidator(_zone)] = ""
    """IANA name of the zone in which business days end; by default the jurisdiction's."""

    @model_validator(mode="after")
    def _in_a_known_zone(self) -> Self:
        if not self.report_zone and self.jurisdiction not in ZONES:
            choice = f"choose from {', '.join(sorted(ZONES))}, or set ARREARS_REPORT_ZONE"
            raise ValueError(f"ARREARS_JURISDICTION: {self.jurisdiction!r} has no time zone of its own; {choice}")
        return self


def service() -> Service[Report, None]:
    """Reporting as a value: every fact is recorded, none is reacted to."""
    return Service(
        name=REPORTING,
        reads=topics_of(REPORTING),
        state=Report,
        fresh=handlers.fresh,
        handlers={},
        tick=handlers.no_tick,
        next_at=handlers.never,
        reference=lambda _db, partitions, _now: dict.fromkeys(partitions),
        metadata=metadata,
        project=said.project,
        record=record,
    )


def plug(settings: ReportingSettings) -> Plug[Report, None]:
    """Reporting with its pages and loops."""
    zone = settings.report_zone or ZONES[settings.jurisdiction]

    def api(runtime: Reporting) -> FastAPI:
        return application(Desk(runtime, zone))

    async def publishing(runtime: Reporting) -> None:
        await every(REPORT_SECONDS, lambda: publish_days(Desk(runtime, zone)))

    roll = Roll()

    async def watching(runtime: Reporting) -> None:
        watcher = Watcher(Desk(runtime, zone), roll)
        await every(WATCH_SECONDS, watcher.look)

    async def counting(runtime: Reporting) -> None:
        await every(LETTERS_SECONDS, lambda: count_letters(runtime, settings.kafka_bootstrap))

    async def calling_the_roll(runtime: Reporting) -> None:
        await every(LETTERS_SECONDS, lambda: roll.call(idle(settings.kafka_bootstrap)))

    return Plug(service=service(), api=api, loops=(publishing, watching, counting, calling_the_roll))


def application(desk: Desk) -> FastAPI:
    """The console and its API."""
    app = FastAPI(title="Arrears: reporting", version="1", docs_url=None, redoc_url=None)
    add_api(app, desk)
    add_console(app, desk)
    return app


async def every(seconds: float, act: Callable[[], None]) -> None:
    """Do it in a thread, wait, do it again."""
    while True:
        await asyncio.to_thread(act)
        await asyncio.sleep(seconds)


def count_letters(runtime: Reporting, bootstrap: str) -> None:
    """Keep how many dead letters stand on the broker."""
    found = dead_letters(bootstrap)
    with runtime.engine.begin() as db:
        letters.seen(db, found)


def owns(runtime: Reporting, report: str) -> bool:
    """Whether this worker says that report."""
    return runtime.partition_of(report) in runtime.owned()


def publish_days(desk: Desk) -> None:
    """Publish every day that has ended, and restate the latest ones where more is known."""
    today = desk.runtime.clock.now().astimezone(ZoneInfo(desk.zone)).date()
    with desk.reading() as db:
        first, last = first_day(db, desk.zone), last_day(db)
    if first is None:
        return
    start = max(first, today - timedelta(days=CATCH_UP_DAYS), (last or first) - timedelta(days=RESTATE_DAYS - 1))
    for number in range((today - start).days):
        publish_day(desk, start + timedelta(days=number))


def publish_day(desk: Desk, day: date) -> None:
    """Say the report of one day, unless it was said already and nothing has changed."""
    report = name_of(day)
    if not owns(desk.runtime, report):
        return
    ends = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(desk.zone)).astimezone(UTC)
    view = desk.view(as_of=ends.isoformat())
    with desk.reading() as db:
        figures = daily(db, view, desk.zone, ends - timedelta(days=1))
        hold = all(law.holds for law in laws(db, view))
    if not desk.runtime.state(report).says(figures, hold):
        command = handlers.publish(figures, hold, ends, view.as_known)
        desk.runtime.command(report, command, key=f"{report}:{view.as_known.isoformat()}")


@dataclass(slots=True)
class Roll:
    """Which services nobody works for. A restart is over before it counts, and one that fails again ends nothing."""

    looks: dict[str, int] = field(default_factory=dict)

    def call(self, idle: frozenset[str]) -> None:
        """Take in one look."""
        for service in idle | self.looks.keys():
            looks = self.looks.get(service, 0) + (1 if service in idle else -1)
            self.looks[service] = min(max(looks, 0), IDLE_LOOKS_MAX)

    def missing(self) -> list[str]:
        """Those that stood idle so often that it is no restart."""
        return sorted(service for service, looks in self.looks.items() if looks >= IDLE_LOOKS)


@dataclass(slots=True)
class Watcher:
    """Raises an alarm when something was wrong twice in a row, so that one late topic does not cry wolf."""

    desk: Desk
    roll: Roll = field(default_factory=Roll)
    before: frozenset[str] = field(default_factory=frozenset)

    def look(self) -> None:
        """Look once; say what is new or over."""
        if not owns(self.desk.runtime, ALARMS):
            return
        found = self.find()
        now = frozenset(alarm.alarm_id for alarm in found)
        lasting = [alarm for alarm in found if alarm.alarm_id in self.before]
        self.before = now
        standing = self.desk.runtime.state(ALARMS).standing
        wanted = {a.alarm_id for a in lasting} | (now & standing.keys())
        if wanted != standing.keys():
            self._say([a for a in found if a.alarm_id in wanted])

    def find(self) -> Sequence[Alarm]:
        """What is wrong at this moment."""
        view = self.desk.view()
        with self.desk.reading() as db:
            contacts = [contact.contact_id for contact in wrongful(db, view)]
            return alarms(laws(db, view), contacts, letters.count(db), self.roll.missing())

    def _say(self, wanted: Sequence[Alarm]) -> None:
        key = f"{ALARMS}:{self.desk.runtime.clock.now().isoformat()}"
        self.desk.runtime.command(ALARMS, handlers.watch(wanted), key=key)
