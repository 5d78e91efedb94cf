"""Bank and agencies as they are: on a real broker, killed in the middle, started again."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from deploy.local.agencies import Agencies
from deploy.local.bank import Bank
from deploy.local.caller import Caller
from deploy.local.outsider import Surroundings
from deploy.local.portfolio import World
from deploy.local.topics import create_topics
from deploy.local.wire import Listener, Speaker
from schemas.agencies import PlacementAccepted, PlacementDeclined
from schemas.cases import PlacementOffered
from schemas.envelope import Event
from schemas.language import KINDS
from schemas.values import Arrears
from services.kit.clock import ScaledClock

pytestmark = pytest.mark.stack
BANK_KINDS = {kind for kind in KINDS.values() if kind.TOPIC.owner == "bank"}


@asynccontextmanager
async def running(*work):
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def around(bootstrap, world, days_a_second, visits="http://127.0.0.1:1"):
    clock = ScaledClock(world.start - timedelta(hours=3), datetime.now(UTC), days_a_second * 86_400)
    urls = {"visits": visits, "notifier": ""}
    return Surroundings(bootstrap, clock, world.seed, world, urls, {})


@pytest.fixture
def bootstrap(kafka_bootstrap):
    create_topics(kafka_bootstrap)
    return kafka_bootstrap


async def test_a_bank_killed_and_away_past_its_last_day_has_said_everything_at_least_once_and_nothing_differently(
    bootstrap, tmp_path, play
):
    world = World(loans=60, days=6)
    surroundings = around(bootstrap, world, days_a_second=3)
    async with asyncio.timeout(30):
        async with running(Bank(surroundings, world, tmp_path).play()):
            await asyncio.sleep(0.9)
        await asyncio.sleep(surroundings.clock.seconds(world.end - surroundings.clock.now()) + 0.1)
        second = Bank(surroundings, world, tmp_path)
        async with running(second.play()):
            while not second.statement()["over"]:
                await asyncio.sleep(0.1)
    played = play(world).through(world.days)
    expected = {event.id: event.to_json() for event in played.events if not is_lost(event, played.bank)}
    assert await said(bootstrap, set(expected)) == expected


def is_lost(event, bank):
    return event.type == "loan.overdue.v1" and bank.behaviours[event.data.borrower_id].story.lost_fact


async def said(bootstrap, ids):
    """What stands on the topics under these ids; the same id must always carry the same bytes."""
    found = {}
    async with asyncio.timeout(20):
        async for batch in Listener(bootstrap, BANK_KINDS).events():
            for event in batch:
                assert found.setdefault(event.id, event.to_json()) == event.to_json()
            if ids <= set(found):
                return {id_: found[id_] for id_ in ids}
    return found


def offer(number, now):
    return PlacementOffered(
        case_id=f"C-X{number}-1", borrower_id=f"X{number}", placement_id=f"P-X{number}-1", agency_id="A-one",
        loan_ids=("L1",), currency="CNY", days_past_due=20, region="CN-GD", mandate_id="M-1", proof_id="PF-1",
        arrears=Arrears(principal=Decimal(100), interest=Decimal(1), fees=Decimal(0)), offered_at=now,
        answer_by=now + timedelta(days=2), attempt=1, candidates=(), reason="",
    )  # fmt: skip


async def test_agencies_answer_the_offers_that_they_read(bootstrap):
    surroundings = around(bootstrap, World(loans=50), days_a_second=20)
    now, speaker = surroundings.clock.now(), Speaker(bootstrap)
    offers = [offer(number, now) for number in range(30)]
    await speaker.say([Event.saying(one, id=one.placement_id, source="/test", time=now) for one in offers])
    await speaker.close()
    answered = set()
    async with Caller() as caller, running(Agencies(surroundings, caller).work()), asyncio.timeout(20):
        async for batch in Listener(bootstrap, {PlacementAccepted, PlacementDeclined}).events():
            answered |= {event.data.placement_id for event in batch if event.data.borrower_id.startswith("X")}
            if len(answered) >= 26:
                break
    assert answered <= {one.placement_id for one in offers}
