"""What leaves the house, what does not, and what is remembered of it: real database, real carriers."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import smpp34
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.contacts import NoticeDelivered, NoticeFailed, NoticeSent, NoticeUnknown
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier import domain, handlers, sender, store_outgoing
from services.notifier.api import api
from services.notifier.app import service
from services.notifier.channels import Accepted
from services.notifier.channels.gateway import Gateway, GatewayAddress
from services.notifier.channels.receipt import Receipt
from services.notifier.lanes import AHEAD, BACKOFF_SECONDS, Lane, Pace
from services.notifier.sender import Sender
from services.notifier.store_outgoing import Outgoing
from services.rulebook.strategy import load_strategy
from tests.notifier.carriers import MailServer, SmsCarrier, free_port, mail_server, sms_carrier, until
from tests.notifier.edge import MORNING, Desk, cured, dead_letter, desk, overdue, recorded, settings, shut
from tests.notifier.gateway import TOKEN, gateway_peer

pytestmark = pytest.mark.stack


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    return Bench(service(), engine, ManualClock(MORNING))


@asynccontextmanager
async def at_work(
    bench: Bench[Any, Any], folder: Path, **how: Any
) -> AsyncIterator[tuple[Desk, SmsCarrier, MailServer]]:
    async with sms_carrier(**how) as carrier:
        with mail_server() as mail:
            parts = await desk(bench, carrier.port, mail.port, folder)
            await until(parts.channels["sms"].ready)
            try:
                yield parts, carrier, mail
            finally:
                await shut([parts])


def shown(metric: str, **labels: str) -> float | None:
    """What the metrics page says."""
    return REGISTRY.get_sample_value(metric, labels)


def reminded(bench: Bench[Any, Any], *borrowers: str) -> None:
    """Borrowers with a reminder waiting to go out."""
    bench.deliver(*(recorded(b) for b in borrowers or ("B-1",)))
    bench.deliver(*(overdue(b) for b in borrowers or ("B-1",)))
    while bench.tick_due():
        pass


async def test_a_reminder_goes_out_once_and_its_link_opens_its_notice(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        await parts.send()
        await parts.send()
    (short,) = carrier.got
    (sent,) = bench.said_of(NoticeSent)
    token = re.search(r"https://lender\.example/n/(\S+)", short.text)
    assert short.to == "8613800000001"
    assert "¥101.50" in short.text
    assert token is not None
    assert settings().links().open("n", token[1], MORNING) == sent.notice_id
    assert (sent.carrier_reference, sent.submitted_at, sent.template_version) == (short.reference, MORNING, "v3")
    assert parts.states() == [("sms", "submitted")]


async def test_a_receipt_becomes_the_proof(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        await parts.send()
        keeping = asyncio.create_task(parts.inbox.run())
        assert (await carrier.receipt(carrier.got[0].reference)).is_success
        await until(lambda: bench.said_of(NoticeDelivered))
        assert (await carrier.receipt(carrier.got[0].reference)).is_success
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    (delivered,) = bench.said_of(NoticeDelivered)
    assert delivered.proof.carrier_reference == carrier.got[0].reference


async def test_a_receipt_that_overtakes_its_submission_waits_for_it(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, _, _mail):
        keeping = asyncio.create_task(parts.inbox.run())
        await parts.inbox.take(Receipt("R1", "delivered", digest="d"))
        bench.clock.instant += timedelta(hours=1)
        await asyncio.sleep(0.5)
        assert bench.said_of(NoticeDelivered) == []
        await parts.send()
        await until(lambda: bench.said_of(NoticeDelivered))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_nothing_leaves_while_what_could_stop_it_is_not_known(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench, "B-1", "B-2")
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        bench.knowledge.behind = timedelta(seconds=5)
        await parts.send()
        assert carrier.got == []
        assert shown("arrears_notifier_held") == 2
        bench.knowledge.behind = timedelta(0)
        await parts.send()
        assert len(carrier.got) == 2


async def test_a_partition_that_falls_behind_at_the_last_moment_gives_its_notice_back(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        found = parts.sender._due(range(12), {"sms": 10})
        answers = iter([True])
        monkeypatch.setattr(bench.knowledge, "fresh", lambda _partition: next(answers, False))
        parts.sender._start(found)
        await until(lambda: not parts.sender.in_hand())
    assert carrier.got == []
    assert parts.states() == [("sms", "pending")]


async def test_a_stop_between_the_look_and_the_claim_wins(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        found = parts.sender._due(range(12), {"sms": 10})
        bench.deliver(cured())
        parts.sender._start(found)
        await until(lambda: not parts.sender.in_hand())
    assert carrier.got == []
    assert parts.states() == [("sms", "cancelled")]


async def test_a_stop_between_the_claim_and_the_handing_over_keeps_the_notice_in_the_house(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Sender._claim

    def slowly(sender: Sender, group: Sequence[Outgoing]) -> list[tuple[Outgoing, str]]:
        done = claim(sender, group)
        bench.deliver(cured())
        return done

    monkeypatch.setattr(Sender, "_claim", slowly)
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        parts.sender._start(parts.sender._due(range(12), {"sms": 10}))
        await until(lambda: not parts.sender.in_hand())
    assert carrier.got == []
    assert parts.states() == [("sms", "cancelled")]


async def test_what_is_known_almost_a_second_ago_is_too_old_to_hand_over_on(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        monkeypatch.setattr(bench.knowledge, "fresh", lambda _partition: True)
        bench.knowledge.behind = timedelta(seconds=0.95)
        parts.sender._start(parts.sender._due(range(12), {"sms": 10}))
        await until(lambda: not parts.sender.in_hand())
    assert carrier.got == []
    assert parts.states() == [("sms", "pending")]


async def test_nothing_goes_to_a_person_of_whom_a_record_could_not_be_read(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench, "B-1", "B-2")
    dead_letter(bench.engine, "B-1")
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        await parts.send()
    assert [short.to for short in carrier.got] == ["8613800000002"]
    assert parts.states() == [("sms", "pending"), ("sms", "submitted")]


async def test_a_refused_text_message_goes_by_mail(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path, decide=lambda _: smpp34.ESME_RINVDSTADR) as (parts, _, mail):
        await parts.send()
        while bench.tick_due():
            pass
        await parts.send()
    assert parts.states() == [("sms", "failed"), ("email", "submitted")]
    assert len(bench.said_of(NoticeFailed)) == 1
    assert "¥101.50" in mail.mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]


async def test_a_line_that_breaks_leaves_the_notice_unknown_and_it_is_not_sent_again(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path, silent=True) as (parts, carrier, _):
        await parts.sender.round()
        await until(lambda: carrier.got)
        await carrier.sessions[0].unbind()
        await until(lambda: not parts.sender.in_hand())
        carrier.silent = False
        await until(parts.channels["sms"].ready)
        await parts.send()
        assert len([short for short in carrier.got if short.to == "8613800000001"]) == 1
    assert len(bench.said_of(NoticeUnknown)) == 1


async def test_while_one_carrier_is_away_its_notices_wait_and_others_go(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench, "B-1")
    bench.deliver(recorded("B-2", phones=()), overdue("B-2"))
    while bench.tick_due():
        pass
    port = free_port()
    with mail_server() as mail:
        parts = await desk(bench, port, mail.port, tmp_path)
        await parts.send()
        assert parts.states() == [("sms", "pending"), ("email", "submitted")]
        async with sms_carrier(port) as carrier:
            await until(parts.channels["sms"].ready)
            await parts.send()
            assert len(carrier.got) == 1
        await shut([parts])


async def test_a_slow_channel_with_many_waiting_holds_up_no_other(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench, *(f"B-{n}" for n in range(60)))
    bench.clock.instant += timedelta(minutes=1)
    bench.deliver(recorded("B-99", phones=()), overdue("B-99"))
    while bench.tick_due():
        pass
    async with at_work(bench, tmp_path) as (parts, carrier, mail):
        parts.sender = parts.another_sender(sms=0.5)
        await parts.send()
        assert (len(carrier.got), len(mail.mails)) == (1, 1)


def test_a_pace_is_kept_over_any_stretch_of_time_and_saves_nothing_up() -> None:
    pace, went = Pace(50.0), []
    for tick in range(1, 1001):
        now = 100 + tick / 100
        room = pace.room(now)
        pace.took(room)
        went += [now] * room
    assert 495 <= len(went) <= 501
    assert max(sum(start <= at < start + 1 for at in went) for start in went) <= 60
    pace.room(500.0)
    assert pace.room(500.0) == 10, "a fifth of a second's worth after a long rest"


class Away:
    """A channel that says it is ready."""

    window = 16

    def ready(self) -> bool:
        return True


def test_messages_that_were_under_way_when_the_carrier_went_away_tell_of_one_absence() -> None:
    lane = Lane("email", Away(), Pace(None))  # type: ignore[arg-type]
    began = time.monotonic()
    for _ in range(16):
        lane.went_down("away", began)
    assert lane.delay == BACKOFF_SECONDS[0]
    lane.went_down("away still", time.monotonic())
    assert lane.delay == 2 * BACKOFF_SECONDS[0]
    lane.went_well()
    lane.went_down("away again", time.monotonic())
    assert lane.delay == BACKOFF_SECONDS[0]


class Slow:
    """A carrier that takes its time, and counts how many it has at once."""

    window = 4

    def __init__(self) -> None:
        self.has, self.most, self.answers = 0, 0, asyncio.Event()

    def ready(self) -> bool:
        return True

    async def submit(self, *_: object) -> Accepted:
        self.has += 1
        self.most = max(self.most, self.has)
        await self.answers.wait()
        self.has -= 1
        return Accepted("R-1")


async def test_more_is_in_hand_than_the_carrier_has_and_never_more_than_its_window_lies_with_it() -> None:
    slow: Any = Slow()
    lane = Lane("sms", slow, Pace(None))
    lane.took(range(lane.room()))
    assert (lane.busy, lane.room()) == (AHEAD * slow.window, 0)
    nothing: Any = None
    going = [asyncio.create_task(lane.submit(nothing, nothing)) for _ in range(lane.busy)]
    await asyncio.sleep(0.01)
    assert slow.has == slow.window
    slow.answers.set()
    assert len(await asyncio.gather(*going)) == AHEAD * slow.window
    assert slow.most == slow.window


async def test_a_call_goes_through_the_gateway_and_its_receipt_becomes_the_proof(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    strategy = load_strategy()
    first = replace(strategy.ladder.steps[1], channels=("voice",))
    calls = replace(strategy, ladder=replace(strategy.ladder, steps=(first, *strategy.ladder.steps[2:])))
    bench = Bench(service(calls), bench.engine, bench.clock)
    reminded(bench)
    async with gateway_peer() as peer, at_work(bench, tmp_path) as (parts, carrier, _):
        parts.channels["voice"] = Gateway(GatewayAddress(peer.base, "voice", TOKEN))
        parts.sender = parts.another_sender()
        await parts.send()
        assert [(row["channel"], row["carrier_reference"]) for row in parts.rows()] == [("voice", "voice:G-N-B-1-1")]
        own = settings(gateway_token=SecretStr(TOKEN))
        told = {"receipts": [{"reference": "G-N-B-1-1", "fate": "delivered"}]}
        async with AsyncClient(
            transport=ASGITransport(api(bench.runtime, settings=own)), base_url="https://n"
        ) as client:
            for token, status in (("", 401), ("Bearer x", 401), (f"Bearer {TOKEN}", 204)):
                kept = await client.post("/carriers/voice/receipts", json=told, headers={"authorization": token})
                assert kept.status_code == status
        assert parts.inbox.apply() == 1
        await parts.channels["voice"].close()
    assert "101.50" in peer.made["N-B-1-1"]["text"]
    assert "¥" not in peer.made["N-B-1-1"]["greeting"]
    assert len(bench.said_of(NoticeDelivered)) == 1
    assert carrier.got == []


async def test_a_mail_server_that_is_away_gives_the_notice_back(bench: Bench[Any, Any], tmp_path: Path) -> None:
    bench.deliver(recorded("B-2", phones=()), overdue("B-2"))
    while bench.tick_due():
        pass
    parts = await desk(bench, free_port(), free_port(), tmp_path)
    await parts.send()
    assert parts.states() == [("email", "pending")]
    assert shown("arrears_notifier_channel_down", channel="email") == 1
    await shut([parts])


async def test_a_sender_that_died_with_a_notice_in_hand_leaves_it_unknown(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        (outgoing,) = parts.sender._due(range(12), {"sms": 10})
        bench.command("B-1", handlers.command(domain.claimed, outgoing.contact_id))
        await parts.send()
        assert parts.states() == [("sms", "submitting")]
        bench.clock.instant += timedelta(seconds=sender.STRANDED_SECONDS + 1)
        parts.sender._looked = 0.0
        await parts.send()
    assert parts.states()[0] == ("sms", "unknown")
    assert [short.to for short in carrier.got] == []


async def test_two_workers_that_think_they_own_the_same_send_each_notice_once(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    borrowers = [f"B-{n}" for n in range(60)]
    reminded(bench, *borrowers)
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        other = parts.another_sender()
        for _ in range(3):
            await asyncio.gather(parts.sender.round(), other.round())
            await until(lambda: not parts.sender.in_hand() and not other.in_hand(), 20)
    assert len(carrier.got) == 60
    assert len({short.to for short in carrier.got}) == 60
    assert len(bench.said_of(NoticeSent)) == 60


async def test_a_person_who_was_forgotten_is_not_written_to(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench)
    bench.vault.erase("B-1")
    async with at_work(bench, tmp_path) as (parts, carrier, _):
        await parts.send()
    assert carrier.got == []
    assert parts.states()[0] == ("sms", "failed")


async def test_a_receipt_for_nobody_is_forgotten_after_a_month(bench: Bench[Any, Any], tmp_path: Path) -> None:
    async with at_work(bench, tmp_path) as (parts, _, _mail):
        keeping = asyncio.create_task(parts.inbox.run())
        await parts.inbox.take(Receipt("nobody's", "delivered"))
        assert kept(bench) == 1
        bench.clock.instant += timedelta(days=31)
        await until(lambda: not kept(bench), 20)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def kept(bench: Bench[Any, Any]) -> int:
    with bench.engine.begin() as db:
        return len(db.execute(select(store_outgoing.receipts)).all())
