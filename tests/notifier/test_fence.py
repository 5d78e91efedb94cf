"""A message may wait for its carrier; a stop that comes meanwhile still keeps it in the house."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from schemas.contacts import NoticeSent, NoticeUnknown
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.notifier import outcomes, sender
from services.notifier.app import service
from services.notifier.channels import Accepted, Channel, Message, Withheld
from services.notifier.channels.email import Email, SmtpAddress
from services.notifier.channels.gateway import AppFirst, Gateway, GatewayAddress
from services.notifier.channels.letter import Letters, letter_fonts
from services.notifier.channels.sms import SmppAddress, Sms
from services.notifier.text import TEMPLATES
from services.rulebook.strategy import load_strategy
from tests.notifier.carriers import free_port, freely, mail_server, sms_carrier, until
from tests.notifier.edge import MORNING, Desk, cured, desk, overdue, recorded, shut
from tests.notifier.gateway import TOKEN, GatewayPeer, gateway_peer
from tests.notifier.notices import TEXTS, notice

CALL = Message("N-B1-1", "+8613800000001", "en", text="Your loan is past due.", greeting="Are you Li Lei?")
MAIL = Message("N-B1-1", "li.lei@mail.example", "en", "Reminder", "Your loan.", "<p>Your loan.</p>")


async def never() -> None:
    raise Withheld("a stop came")


@dataclass
class SlowMail:
    """A mail server that thinks before it lets the content come."""

    port: int
    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0
    mails: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 slow\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                self.asked += 1
                await self.let.wait()
                writer.write(b"354 go on\r\n")
                try:
                    self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                except asyncio.IncompleteReadError:
                    break
            writer.write(b"250 fine\r\n")
        writer.close()


@asynccontextmanager
async def slow_mail() -> AsyncIterator[SlowMail]:
    server = SlowMail(free_port())
    async with await asyncio.start_server(server.serve, "127.0.0.1", server.port):
        yield server


# -- each channel asks in the last instant ----------------------------------------------------------------------------


Peer = tuple[Channel, Message, Callable[[], int]]
"""A channel, a message for it, and how many its carrier has."""


@asynccontextmanager
async def by_mail(_folder: Path) -> AsyncIterator[Peer]:
    with mail_server() as server:
        yield (
            Email(SmtpAddress("127.0.0.1", server.port, "Lender <notices@lender.example>")),
            MAIL,
            lambda: len(server.mails),
        )


@asynccontextmanager
async def by_sms(_folder: Path) -> AsyncIterator[Peer]:
    async def keep(_receipt: object) -> None:
        return

    async with sms_carrier() as carrier:
        yield Sms(SmppAddress("127.0.0.1", carrier.port, "arrears", "secret"), keep), CALL, lambda: len(carrier.got)


@asynccontextmanager
async def by_call(_folder: Path) -> AsyncIterator[Peer]:
    async with gateway_peer() as peer:
        yield Gateway(GatewayAddress(peer.base, "voice", TOKEN)), CALL, lambda: len(peer.asked)


@asynccontextmanager
async def by_letter(folder: Path) -> AsyncIterator[Peer]:
    letter = TEXTS.write(notice(step="letter", channel="letter", language="en")).message
    channel = Letters(folder, TEMPLATES / "v3" / "letter.typ", letter_fonts())
    yield channel, letter, lambda: len(list(folder.glob("batch-*/*.pdf")))


@pytest.mark.parametrize("by", [by_mail, by_sms, by_call, by_letter])
async def test_what_may_not_leave_reaches_no_carrier_and_the_next_message_does(by: Any, tmp_path: Path) -> None:
    async with by(tmp_path) as (channel, message, there):
        await channel.open()
        await until(channel.ready)
        with pytest.raises(Withheld):
            await channel.submit(message, never)
        assert there() == 0
        assert isinstance(await channel.submit(message, freely), Accepted)
        assert there() == 1
        await channel.close()


async def test_a_batch_appears_without_the_letters_that_were_stopped_while_it_was_made(tmp_path: Path) -> None:
    letters = Letters(tmp_path, TEMPLATES / "v3" / "letter.typ", letter_fonts())
    pages = [
        TEXTS.write(notice(step="letter", channel="letter", language="en", contact_id=f"N-B{n}-1")).message
        for n in range(4)
    ]
    asked: list[Callable[[], Awaitable[None]]] = [freely, never, freely, never]
    found = await asyncio.gather(
        *(letters.submit(page, ask) for page, ask in zip(pages, asked, strict=True)), return_exceptions=True
    )
    assert [type(each) for each in found] == [Accepted, Withheld, Accepted, Withheld]
    (manifest,) = [json.loads(path.read_text()) for path in tmp_path.glob("batch-*/manifest.json")]
    assert (manifest["count"], [s["notice_id"] for s in manifest["letters"]]) == (2, ["N-B0-1", "N-B2-1"])
    assert len(list(tmp_path.rglob("*.pdf"))) == 2
    with pytest.raises(Withheld):
        await letters.submit(pages[1], never)
    assert len(list(tmp_path.iterdir())) == 1, "no empty batch, and nothing hidden is left"


# -- the sender at its door -------------------------------------------------------------------------------------------


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    return Bench(service(), engine, ManualClock(MORNING))


def reminded(bench: Bench[Any, Any], *borrowers: str, **lacking: Any) -> None:
    """Borrowers with a reminder waiting to go out."""
    bench.deliver(*(recorded(b, **lacking) for b in borrowers or ("B-1",)))
    bench.deliver(*(overdue(b) for b in borrowers or ("B-1",)))
    while bench.tick_due():
        pass


@asynccontextmanager
async def at_work(bench: Bench[Any, Any], folder: Path, mail_port: int = 0) -> AsyncIterator[tuple[Desk, Any]]:
    async with sms_carrier() as carrier:
        parts = await desk(bench, carrier.port, mail_port or free_port(), folder)
        await until(parts.channels["sms"].ready)
        try:
            yield parts, carrier
        finally:
            await shut([parts])


@asynccontextmanager
async def mail_waiting(bench: Bench[Any, Any], folder: Path) -> AsyncIterator[tuple[Desk, SlowMail]]:
    """A mail that was handed to a slow server, which has not asked for its content yet."""
    async with slow_mail() as server, at_work(bench, folder, server.port) as (parts, _):
        await parts.sender.round()
        await until(lambda: server.asked)
        yield parts, server


async def let_go(parts: Desk) -> None:
    await until(lambda: not parts.sender.in_hand(), 20)


@pytest.mark.stack
async def test_a_cure_that_comes_while_the_mail_server_thinks_keeps_the_mail_in_the_house(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench, phones=())
    async with mail_waiting(bench, tmp_path) as (parts, server):
        bench.deliver(cured())
        server.let.set()
        await let_go(parts)
        assert server.mails == []
        assert parts.states() == [("email", "cancelled")]


@pytest.mark.stack
async def test_a_mail_that_waited_goes_once_the_server_is_ready_and_counts_from_the_instant_it_left(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench, phones=())
    async with mail_waiting(bench, tmp_path) as (parts, server):
        bench.clock.instant += timedelta(seconds=7)
        server.let.set()
        await let_go(parts)
        assert len(server.mails) == 1
    (sent,) = bench.said_of(NoticeSent)
    assert sent.submitted_at == MORNING + timedelta(seconds=7)


@pytest.mark.stack
@pytest.mark.parametrize("behind", [timedelta(seconds=0.95), timedelta(seconds=5)])
async def test_a_partition_that_fell_behind_while_the_message_waited_holds_it(
    bench: Bench[Any, Any], tmp_path: Path, behind: timedelta
) -> None:
    reminded(bench, phones=())
    async with mail_waiting(bench, tmp_path) as (parts, server):
        bench.knowledge.behind = behind
        server.let.set()
        await let_go(parts)
        assert server.mails == []
        assert parts.states() == [("email", "pending")]


@pytest.mark.stack
async def test_what_waited_until_contact_hours_are_over_does_not_go(bench: Bench[Any, Any], tmp_path: Path) -> None:
    reminded(bench, phones=())
    async with mail_waiting(bench, tmp_path) as (parts, server):
        bench.clock.instant += timedelta(hours=14)
        server.let.set()
        await let_go(parts)
        assert server.mails == []
        assert parts.states()[0] == ("email", "cancelled")


@pytest.mark.stack
async def test_a_sender_that_is_stopped_gives_back_what_has_not_left(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "DRAIN_SECONDS", 0.1)
    reminded(bench, phones=())
    async with mail_waiting(bench, tmp_path) as (parts, server):
        await parts.sender.drain()
        server.let.set()
        await asyncio.sleep(0.2)
        assert server.mails == []
        assert parts.states() == [("email", "pending")]


@pytest.mark.stack
async def test_a_letter_of_a_sender_that_was_stopped_does_not_appear_afterwards(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "DRAIN_SECONDS", 0.0)
    monkeypatch.setattr("services.notifier.channels.letter.BATCH_SECONDS", 1.0)
    strategy = load_strategy()
    first = replace(strategy.ladder.steps[1], channels=("letter",), template="letter")
    written = replace(strategy, ladder=replace(strategy.ladder, steps=(first, *strategy.ladder.steps[2:])))
    bench = Bench(service(written), bench.engine, bench.clock)
    reminded(bench)
    async with at_work(bench, tmp_path) as (parts, _):
        await parts.sender.round()
        letters: Any = parts.channels["letter"]
        await until(lambda: letters._batch)
        await parts.sender.drain()
        await asyncio.gather(*letters._closing)
        assert parts.states() == [("letter", "pending")]
    assert list(tmp_path.rglob("*.pdf")) == []


class LateNo(GatewayPeer):
    """An app's gateway that takes its time to say that there is no app."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1)
        await super().serve(reader, writer)


@pytest.mark.stack
async def test_a_cure_that_comes_while_the_app_says_no_keeps_the_short_message_in_the_house(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    reminded(bench)
    peer = LateNo(free_port(), status=404)
    async with (
        await asyncio.start_server(peer.serve, "127.0.0.1", peer.port),
        at_work(bench, tmp_path) as (parts, carrier),
    ):
        app = Gateway(GatewayAddress(peer.base, "push", TOKEN))
        parts.channels["sms"] = AppFirst(app, parts.channels["sms"])
        parts.sender = parts.another_sender()
        await parts.sender.round()
        await asyncio.sleep(0.5)
        bench.deliver(cured())
        await let_go(parts)
        assert peer.asked == ["N-B-1-1"]
        assert carrier.got == []
        assert parts.states() == [("sms", "cancelled")]
        await app.close()


# -- when the database fails ------------------------------------------------------------------------------------------


@pytest.mark.stack
async def test_a_database_that_fails_behind_the_claim_has_nothing_unknown(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reminded(bench, *(f"B-{n}" for n in range(30)))
    async with at_work(bench, tmp_path) as (parts, carrier):
        kind = type(parts.sender.runtime)
        real, failed = kind.looked_at, list[int]()

        def once(runtime: Any, ids: Any) -> Any:
            if not failed:
                failed.append(1)
                raise OperationalError("x", None, psycopg.OperationalError("server closed the connection"))
            return real(runtime, ids)

        monkeypatch.setattr(kind, "looked_at", once)
        await parts.sender.round()
        await let_go(parts)
        assert failed
        assert {state for _, state in parts.states()} == {"pending"}
        bench.clock.instant += timedelta(seconds=sender.STRANDED_SECONDS + 5)
        parts.sender._looked = 0.0
        parts.sender._resting.clear()
        await parts.send()
        assert len(carrier.got) == 30
    assert bench.said_of(NoticeUnknown) == []


class Odd(GatewayPeer):
    """A gateway whose references no database takes."""

    def take(self, fields: dict[str, str], body: bytes) -> Any:
        super().take(fields, body)
        return 202, {"reference": "G\0" + fields["idempotency-key"]}


@asynccontextmanager
async def calls_taken_oddly(bench: Bench[Any, Any], folder: Path) -> AsyncIterator[tuple[Desk, Any]]:
    """One call to hand over to such a gateway, and one short message to another person."""
    peer = Odd(free_port())
    async with (
        await asyncio.start_server(peer.serve, "127.0.0.1", peer.port),
        at_work(bench, folder) as (parts, carrier),
    ):
        gateway = Gateway(GatewayAddress(peer.base, "voice", TOKEN))
        parts.channels["voice"] = gateway
        parts.sender = parts.another_sender()
        yield parts, carrier
        await gateway.close()


def calling(bench: Bench[Any, Any]) -> Bench[Any, Any]:
    strategy = load_strategy()
    first = replace(strategy.ladder.steps[1], channels=("voice", "email"))
    calls = replace(strategy, ladder=replace(strategy.ladder, steps=(first, *strategy.ladder.steps[2:])))
    return Bench(service(calls), bench.engine, bench.clock)


@pytest.mark.stack
async def test_a_message_taken_under_a_reference_that_cannot_be_kept_is_unknown(
    bench: Bench[Any, Any], tmp_path: Path
) -> None:
    bench = calling(bench)
    reminded(bench)
    async with calls_taken_oddly(bench, tmp_path) as (parts, _):
        await parts.send()
        assert parts.states()[0] == ("voice", "unknown")


@pytest.mark.stack
async def test_an_outcome_that_the_database_does_not_take_ends_as_unknown_and_holds_up_no_other(
    bench: Bench[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "is_reference", lambda _text: True)
    monkeypatch.setattr(outcomes, "AGAIN_SECONDS", (2.0, 2.0))
    bench = calling(bench)
    reminded(bench)
    async with slow_mail() as server:
        server.let.set()
        async with calls_taken_oddly(bench, tmp_path) as (parts, _):
            parts.channels["email"] = Email(SmtpAddress("127.0.0.1", server.port, "Lender <notices@lender.example>"))
            await parts.channels["email"].open()
            parts.sender = parts.another_sender()
            await parts.sender.round()
            await asyncio.sleep(0.5)
            reminded(bench, "B-2", phones=())
            began = time.monotonic()
            await parts.sender.round()
            await until(lambda: ("email", "submitted") in parts.states())
            assert time.monotonic() - began < 1.5, "it did not wait for the one that cannot be stored"
            await let_go(parts)
            assert ("voice", "unknown") in parts.states()
