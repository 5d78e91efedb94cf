"""How many messages a second each channel takes, against real servers here: letters, SMS, and SMS through the sender.

    python -m tests.notifier.rates [--letters 1500] [--sms 20000] [--sender 3000] [--var var/rates]

Each figure is of one process with its servers on the same machine; `load` says what else the machine did meanwhile.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deploy.local.postgres import admin_url, postgres_process
from deploy.local.stack import held
from deploy.local.supervisor import Supervisor
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import engine_for
from services.kit.migrate import migrate
from services.notifier.app import service
from services.notifier.channels import Accepted, Leaving, Message
from services.notifier.channels.letter import Letters, letter_fonts
from services.notifier.channels.sms import SmppAddress, Sms
from services.notifier.text import TEMPLATES
from tests.notifier.carriers import freely, mail_server, sms_carrier, until
from tests.notifier.edge import MORNING, desk, overdue, recorded, shut
from tests.notifier.notices import TEXTS, notice

WINDOW = 400


async def flood(submit: Callable[[Message, Leaving], Any], messages: Sequence[Message], at_once: int) -> float:
    """Seconds until all are taken, with so many under way at a time."""
    waiting, began = list(reversed(messages)), time.perf_counter()

    async def hand() -> None:
        while waiting:
            assert isinstance(await submit(waiting.pop(), freely), Accepted)

    await asyncio.gather(*(hand() for _ in range(at_once)))
    return time.perf_counter() - began


async def letters(many: int) -> str:
    """Letters in Chinese, each another: written, set, and handed over in batches."""
    with tempfile.TemporaryDirectory() as folder:
        channel = Letters(Path(folder), TEMPLATES / "v3" / "letter.typ", letter_fonts())
        await channel.open()
        pages = [_letter(number) for number in range(many)]
        await flood(channel.submit, pages[:20], 20)
        burnt, seconds = time.process_time(), await flood(channel.submit, pages, channel.window)
        burnt = time.process_time() - burnt
        batches = len(list(Path(folder).glob("batch-*")))
        await channel.close()
    return _line("letters", many, seconds, f"{burnt / many * 1e3:.1f} ms of one core each, {batches} batches")


def _letter(number: int) -> Message:
    values = {"contact_id": f"N-B{number}-1", "name": f"李雷{number}", "to": f"天河路{number}号\n广州 510000"}
    return TEXTS.write(notice(step="letter", channel="letter", **values)).message


async def sms(many: int) -> str:
    """Short messages over one SMPP session."""

    async def keep(_receipt: object) -> None:
        return

    text = TEXTS.write(notice()).message.text
    async with sms_carrier() as carrier:
        channel = Sms(SmppAddress("127.0.0.1", carrier.port, "arrears", "secret"), keep)
        await channel.open()
        await until(channel.ready)
        messages = [Message(f"N-B{n}-1", f"+8613{n:09}", "zh-CN", text=text) for n in range(many)]
        burnt, seconds = time.process_time(), await flood(channel.submit, messages, WINDOW)
        burnt = time.process_time() - burnt
        assert len(carrier.got) == many
        await channel.close()
    return _line("sms over SMPP", many, seconds, f"{burnt / many * 1e6:.0f} µs of one core each, server included")


async def through_the_sender(many: int, url: str) -> str:
    """Notices that are due: claimed, written with their link, handed over, and recorded, each in its transactions."""
    engine = engine_for(url, "notifier")
    migrate(engine, "notifier")
    bench: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    names = [f"B-{n}" for n in range(many)]
    for start in range(0, many, 500):
        some = names[start : start + 500]
        bench.deliver(*(recorded(b) for b in some))
        bench.deliver(*(overdue(b) for b in some))
    while bench.tick_due():
        pass
    with mail_server() as mail, tempfile.TemporaryDirectory() as folder:
        async with sms_carrier() as carrier:
            parts = await desk(bench, carrier.port, mail.port, Path(folder))
            await until(parts.channels["sms"].ready)
            began = time.perf_counter()
            sending = asyncio.create_task(parts.sender.run())
            await until(lambda: len(carrier.got) >= many, 600)
            seconds = time.perf_counter() - began
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await shut([parts])
    engine.dispose()
    return _line("sms through the sender", many, seconds, "claim, text, hand-over and record in PostgreSQL")


def _line(what: str, many: int, seconds: float, more: str) -> str:
    return (
        f"{what:24} {many / seconds:8.0f} a second   ({many} in {seconds:.1f} s; {more}; load {os.getloadavg()[0]:.1f})"
    )


def main() -> int:
    """Take the figures, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=1500)
    parser.add_argument("--sms", type=int, default=20_000)
    parser.add_argument("--sender", type=int, default=3000)
    parser.add_argument("--var", type=Path, default=Path("var/rates"))
    asked = parser.parse_args()
    if asked.letters:
        sys.stdout.write(asyncio.run(letters(asked.letters)) + "\n")
    if asked.sms:
        sys.stdout.write(asyncio.run(sms(asked.sms)) + "\n")
    if asked.sender:
        var = asked.var.resolve()
        with held(var), Supervisor(var) as supervisor:
            postgres = postgres_process(var)
            supervisor.start(postgres)
            url = admin_url(postgres.endpoint, var / "run" / "secrets.json")
            sys.stdout.write(asyncio.run(through_the_sender(asked.sender, url)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
