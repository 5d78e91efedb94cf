"""Kills a sender again and again between claim and outcome, and counts what the carriers were handed.

    python -m tests.notifier.send_window --kills 300 [--seed 1] [--var var/send-window]

Real processes, a real database, a real SMPP and a real SMTP server, which answer a little late so that the window is
wide. Each sender dies by SIGKILL at a random moment. In the end: no notice was handed over twice; each that was in the
window when its sender died is unknown and listed; whatever was handed over is known as submitted, or unknown.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, select

from deploy.local.postgres import admin_url, postgres_process
from deploy.local.stack import held
from deploy.local.supervisor import Supervisor
from services.kit.bench import Bench
from services.kit.clock import ScaledClock
from services.kit.database import engine_for
from services.kit.migrate import migrate, migrate_vault
from services.kit.vault import TableKeys, Vault
from services.notifier import sender, store_asked
from services.notifier.app import service
from services.notifier.channels import Channel
from services.notifier.channels.email import Email, SmtpAddress
from services.notifier.channels.sms import SmppAddress, Sms
from services.notifier.receipts import Inbox
from services.notifier.store import contacts
from services.notifier.text import Texts
from services.notifier.writer import Writer
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from tests.notifier.carriers import MailServer, Short, SmsCarrier, mail_server, sms_carrier, until
from tests.notifier.edge import MORNING, overdue, recorded, settings

MASTER = b"m" * 32
STRANDED_SECONDS = 2.0
"""Shorter than in production, so that the end of the play is not waited for; far longer than these carriers take."""

LATE_SECONDS = 0.04
SEEDED, LEAST = 400, 150
EARLY_SHARE = 0.1
TOKEN = re.compile(r"https://lender\.example/n/(\S+)")


@dataclass(frozen=True)
class Scene:
    """What each sender is told."""

    url: str
    sms_port: int
    mail_port: int
    origin: str

    def bench(self, notifier: Engine, vault: Engine) -> Bench[Any, Any]:
        """The service on the database of the scene, at ten in the morning and counting."""
        clock: Any = ScaledClock(MORNING, datetime.fromisoformat(self.origin), 1)
        return Bench(service(), notifier, clock, vault=Vault(TableKeys(vault), MASTER))


# -- the sender that is killed ----------------------------------------------------------------------------------------


def nursery(scene: Scene) -> None:
    """Fork a sender for each line that comes, and tell its number: so a life begins in an instant."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say("ready")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # only numbers are said to who waits for them
            asyncio.run(_send(scene))
            os._exit(0)
        _say(str(child))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _send(scene: Scene) -> None:
    sender.STRANDED_SECONDS = STRANDED_SECONDS
    bench, own = scene.bench(engine_for(scene.url, "notifier"), engine_for(scene.url, "vault")), settings()
    inbox = Inbox(bench.runtime)
    channels: dict[str, Channel] = {
        "sms": Sms(SmppAddress("127.0.0.1", scene.sms_port, "arrears", "secret"), inbox.take),
        "email": Email(SmtpAddress("127.0.0.1", scene.mail_port, "Lender <notices@lender.example>")),
    }
    for channel in channels.values():
        await channel.open()
    writer = Writer(Texts(own.lender()), own.links(), 60, load_strategy(), load_rulebooks())
    await asyncio.gather(sender.Sender(bench.runtime, channels, writer).run(), inbox.run())


# -- the carriers -----------------------------------------------------------------------------------------------------


@dataclass
class LateSms(SmsCarrier):
    """Takes a message at once and says so a little later: in between nobody else knows."""

    _answering: set[Any] = field(default_factory=set)

    def _take(self, event: Any) -> None:
        payload = next((tlv.value for tlv in event.tlvs), None)
        octets = payload or event.short_message
        text = octets.decode("utf-16-be" if event.data_coding == 8 else "latin-1")
        self.got.append(Short(event.destination_addr, text, event.data_coding, f"R{len(self.got) + 1}", True))
        answer = asyncio.create_task(self._answer(event, self.got[-1].reference))
        self._answering.add(answer)
        answer.add_done_callback(self._answering.discard)

    async def _answer(self, event: Any, reference: str) -> None:
        await asyncio.sleep(random.random() * LATE_SECONDS)
        event.accept(reference)


@dataclass
class LateMail(MailServer):
    """Takes a mail at once and says so a little later."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(random.random() * LATE_SECONDS)
        return answer


# -- the play ---------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What the play showed."""

    kills: int
    seconds: float
    notices: int
    handed_over: int
    handed_over_twice: list[str]
    kills_in_the_window: int
    caught_in_the_window: int
    caught_and_handed_over: int
    caught_and_not_unknown: list[str]
    unknown: int
    unknown_and_not_listed: int
    handed_over_and_not_known: list[str]
    known_and_not_handed_over: list[str]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not (
            self.handed_over_twice
            or self.caught_and_not_unknown
            or self.unknown_and_not_listed
            or self.handed_over_and_not_known
            or self.known_and_not_handed_over
        )


class Play:
    """One run on the empty database of the scene."""

    def __init__(self, scene: Scene, bench: Bench[Any, Any], sms: SmsCarrier, mail: MailServer, seed: int) -> None:
        self._scene, self._sms, self._mail = scene, sms, mail
        self._dice, self._bench = random.Random(seed), bench
        self._seeded, self._caught, self._kills_in_window = 0, set[str](), 0

    def handed_over(self) -> Counter[str]:
        """Notice → how often a carrier was handed it."""
        links = settings().links()
        by_sms = (TOKEN.search(short.text) for short in list(self._sms.got))
        found = Counter(links.open("n", token[1], MORNING) for token in by_sms if token)
        found.update(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in list(self._mail.mails))
        return found

    async def run(self, kills: int) -> Found:
        """Kill so often, then let the last sender end what is left."""
        began = time.monotonic()
        async with _nursery(self._scene) as spawn:
            for _ in range(kills):
                self._refill()
                await self._life(await spawn())
            last = await spawn()
            await until(lambda: not self._open(), 600)
            os.kill(last, signal.SIGKILL)
        return self._found(kills, time.monotonic() - began)

    def _refill(self) -> None:
        if len(self._in("pending")) >= LEAST:
            return
        borrowers = [f"B-{self._seeded + n}" for n in range(SEEDED)]
        self._seeded += SEEDED
        lacking: list[dict[str, Any]] = [{"emails": ()}, {"phones": ()}]  # one way each: no fall-back to tell apart
        self._bench.deliver(*(recorded(b, **lacking[n % 4 == 3]) for n, b in enumerate(borrowers)))
        self._bench.deliver(*(overdue(b) for b in borrowers))
        while self._bench.tick_due():
            pass

    async def _life(self, pid: int) -> None:
        """Let a sender live until it has handed something over, and a random while longer (or not even so long)."""
        before, early = self._count(), self._dice.random() < EARLY_SHARE
        if not early:
            await until(lambda: self._count() > before, 60)
        await asyncio.sleep(self._dice.random() * (0.5 if early else 0.12))
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.02)  # what the kernel had of it still arrives
        caught = self._in("submitting") - self._caught
        self._kills_in_window += bool(caught)
        self._caught |= caught

    def _count(self) -> int:
        return len(self._sms.got) + len(self._mail.mails)

    def _open(self) -> set[str]:
        return self._in("pending", "submitting")

    def _in(self, *states: str) -> set[str]:
        with self._bench.engine.connect() as db:
            return set(db.execute(select(contacts.c.contact_id).where(contacts.c.state.in_(states))).scalars())

    def _found(self, kills: int, seconds: float) -> Found:
        handed, unknown, submitted = self.handed_over(), self._in("unknown"), self._in("submitted", "delivered")
        with self._bench.engine.connect() as db:
            listed = store_asked.unknown(db, 1_000_000)[1]
            notices = len(db.execute(select(contacts.c.contact_id)).all())
        return Found(
            kills=kills,
            seconds=round(seconds, 1),
            notices=notices,
            handed_over=len(handed),
            handed_over_twice=sorted(notice for notice, times in handed.items() if times > 1),
            kills_in_the_window=self._kills_in_window,
            caught_in_the_window=len(self._caught),
            caught_and_handed_over=len(self._caught & handed.keys()),
            caught_and_not_unknown=sorted(self._caught - unknown),
            unknown=len(unknown),
            unknown_and_not_listed=len(unknown - {row["contact_id"] for row in listed}),
            handed_over_and_not_known=sorted(handed.keys() - unknown - submitted),
            known_and_not_handed_over=sorted(submitted - handed.keys()),
        )


@asynccontextmanager
async def _nursery(scene: Scene) -> AsyncIterator[Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.notifier.send_window",
        "--nursery",
        json.dumps(asdict(scene)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    reading, writing = process.stdout, process.stdin
    while (await reading.readline()).strip() != b"ready":
        assert process.returncode is None, "the nursery did not start"

    async def spawn() -> int:
        writing.write(b"\n")
        await writing.drain()
        while not (line := (await reading.readline()).strip()).isdigit():
            assert line or process.returncode is None, "the nursery has ended"
        return int(line)

    try:
        yield spawn
    finally:
        writing.close()
        await process.wait()


async def play(url: str, kills: int, seed: int = 1) -> Found:
    """Run the whole play on an empty database."""
    notifier, vault = engine_for(url, "notifier"), engine_for(url, "vault")
    try:
        migrate(notifier, "notifier")
        migrate_vault(vault)
        async with sms_carrier(kind=LateSms) as sms:
            with mail_server(kind=LateMail) as mail:
                scene = Scene(url, sms.port, mail.port, datetime.now(UTC).isoformat())
                return await Play(scene, scene.bench(notifier, vault), sms, mail, seed).run(kills)
    finally:
        notifier.dispose()
        vault.dispose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the play on a database of its own, and print what it showed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--var", type=Path, default=Path("var/send-window"))
    parser.add_argument("--nursery", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.nursery:
        nursery(Scene(**json.loads(asked.nursery)))
        return 0
    var = asked.var.resolve()
    with held(var), Supervisor(var) as supervisor:
        postgres = postgres_process(var)
        supervisor.start(postgres)
        found = asyncio.run(play(admin_url(postgres.endpoint, var / "run" / "secrets.json"), asked.kills, asked.seed))
    for name, value in asdict(found).items():
        _say(f"{name.replace('_', ' '):28} {value if not isinstance(value, list) else f'{len(value)} {value[:5]}'}")
    _say("good" if found.good else "NOT GOOD")
    return 0 if found.good else 1


if __name__ == "__main__":
    sys.exit(main())
