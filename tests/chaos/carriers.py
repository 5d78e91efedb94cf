"""Carriers that write down every message before they take it: `python -m tests.chaos.carriers`. Never killed.

Most numbers and addresses get their messages, some do not, some are silent; which, the number itself decides.
"""

import asyncio
import json
import os
import zlib
from pathlib import Path
from typing import Any, TextIO

import smpp34
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.caller import Caller
from deploy.local.mailserver import MailServer
from deploy.local.outsider import Surroundings, run, surroundings
from deploy.local.printhouse import PrintHouse
from deploy.local.smsc import SmsCarrier, text_of
from deploy.local.stories import Fate


def fate_of(to: str) -> Fate:
    """What becomes of messages to a number, an address or a notice: 8 in 10 arrive."""
    luck = zlib.crc32(to.encode()) % 10
    return "failed" if luck == 0 else "silent" if luck == 1 else "delivered"


def _forgotten(_to: str, _text: str, _reference: str) -> None:
    return


class Journal:
    """What was handed over, a line each."""

    def __init__(self, folder: Path) -> None:
        self._file: TextIO = (folder / "handed-over.jsonl").open("a", encoding="utf-8", buffering=1)

    def write(self, channel: str, to: str, text: str) -> None:
        """Write one down."""
        self._file.write(json.dumps({"channel": channel, "to": to, "text": text}) + "\n")


class WatchedSms(SmsCarrier):
    """The SMS carrier with a journal."""

    journal: Journal

    def _take(self, message: smpp34.SubmitSmEvent) -> None:
        self.journal.write("sms", message.destination_addr, text_of(message))
        super()._take(message)


class WatchedMail(MailServer):
    """The mail provider with a journal."""

    journal: Journal

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> Any:
        """Write the mail down, then take it."""
        text = (envelope.original_content or b"").decode("utf-8", "replace")
        self.journal.write("email", ",".join(envelope.rcpt_tos), text)
        return await super().handle_DATA(server, session, envelope)


async def serve(around: Surroundings) -> None:
    """Run all carriers for ever."""
    env = around.environment
    journal = Journal(Path(os.environ["ARREARS_CHAOS_DIR"]))
    sms = WatchedSms(env["ARREARS_SMPP_HOST"], int(env["ARREARS_SMPP_PORT"]), around.clock, fate_of, _forgotten)
    mail = WatchedMail(env["ARREARS_SMTP_HOST"], int(env["ARREARS_SMTP_PORT"]), fate_of, _forgotten)
    sms.journal = mail.journal = journal
    async with Caller() as caller, asyncio.TaskGroup() as tasks:
        letters = PrintHouse(around.folder("ARREARS_PRINT_DIR"), around.urls["notifier"], around.clock, fate_of, caller)
        for work in (sms.serve(), sms.deliver(), mail.serve(), letters.work()):
            tasks.create_task(work)


if __name__ == "__main__":
    run(serve(surroundings()))
