"""Notifier on a real database with real carriers: builders of facts, and a desk that holds the parts together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, select

from schemas.bank import BorrowerRecorded, LoanCured, LoanOverdue
from services.kit.bench import Bench
from services.notifier.channels import Channel
from services.notifier.channels.email import Email, SmtpAddress
from services.notifier.channels.letter import Letters, letter_fonts
from services.notifier.channels.sms import SmppAddress, Sms
from services.notifier.receipts import Inbox
from services.notifier.sender import Sender
from services.notifier.settings import NotifierSettings
from services.notifier.store import contacts
from services.notifier.text import Texts
from services.notifier.writer import Writer
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy
from tests.notifier.carriers import until

MORNING = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai."""


def settings(**changes: Any) -> NotifierSettings:
    values: dict[str, Any] = {
        "kafka_bootstrap": "none:1",
        "database_url": SecretStr("postgresql://none"),
        "smpp_host": "127.0.0.1",
        "smtp_host": "127.0.0.1",
        "print_dir": Path("none"),
        "link_base": "https://lender.example",
        "link_key": b"k" * 32,
    }
    return NotifierSettings(**(values | changes))


def recorded(borrower_id: str = "B-1", **changes: Any) -> BorrowerRecorded:
    number = "".join(sign for sign in borrower_id if sign.isdigit()).zfill(8)
    values: dict[str, Any] = {
        "borrower_id": borrower_id,
        "region": "CN-GD",
        "time_zone": "Asia/Shanghai",
        "language": "zh-CN",
        "name": "王小明",
        "phones": (
            {
                "phone_id": f"T-{borrower_id}",
                "number": f"+86138{number}",
                "source": "contract",
                "verified_on": "2025-01-01",
            },
        ),
        "emails": ({"email_id": f"E-{borrower_id}", "address": f"b{number}@mail.example"},),
        "addresses": ({"address_id": f"A-{borrower_id}", "kind": "home", "text": "天河路1号", "source": "contract"},),
        "status": "active",
        "vulnerable": False,
    }
    return BorrowerRecorded.model_validate(values | changes)


def overdue(borrower_id: str = "B-1", days: int = 1, **changes: Any) -> LoanOverdue:
    values: dict[str, Any] = {
        "loan_id": f"L-{borrower_id}",
        "borrower_id": borrower_id,
        "product": "consumer_loan",
        "currency": "CNY",
        "business_date": date(2026, 3, 4),
        "oldest_due_date": date.fromordinal(date(2026, 3, 4).toordinal() - days),
        "days_past_due": days,
        "arrears": {"principal": "100.00", "interest": "1.50", "fees": "0"},
        "outstanding_principal": "900.00",
        "region": "CN-GD",
    }
    return LoanOverdue.model_validate(values | changes)


def cured(borrower_id: str = "B-1") -> LoanCured:
    return LoanCured(loan_id=f"L-{borrower_id}", borrower_id=borrower_id, business_date=date(2026, 3, 4))


@dataclass
class Desk:
    """A sender and an inbox on a bench."""

    bench: Bench[Any, Any]
    channels: dict[str, Channel]
    inbox: Inbox
    sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        self.sender = self.another_sender()

    def another_sender(self, **rates: float) -> Sender:
        """One more worker on the same partitions; no more than so many messages a second by channel."""
        own = settings()
        writer = Writer(Texts(own.lender()), own.links(), 60, load_strategy(), load_rulebooks())
        return Sender(self.bench.runtime, self.channels, writer, rates)

    async def send(self) -> None:
        """One round, to its end."""
        await self.sender.round()
        await until(lambda: not self.sender.in_hand(), 20)

    def rows(self) -> list[dict[str, Any]]:
        """All contacts by id."""
        with self.bench.engine.connect() as db:
            return [dict(row) for row in db.execute(select(contacts).order_by(contacts.c.contact_id)).mappings()]

    def states(self) -> list[tuple[str, str]]:
        """Channel and state of all contacts, by id."""
        return [(row["channel"], row["state"]) for row in self.rows()]


async def desk(bench: Bench[Any, Any], sms_port: int, mail_port: int, folder: Path) -> Desk:
    """Connect to the carriers; close with `shut`."""
    inbox = Inbox(bench.runtime)
    texts = Texts(settings().lender())
    channels: dict[str, Channel] = {
        "sms": Sms(SmppAddress("127.0.0.1", sms_port, "arrears", "secret"), inbox.take),
        "email": Email(SmtpAddress("127.0.0.1", mail_port, "Lender <notices@lender.example>")),
        "letter": Letters(folder, texts.folder / "letter.typ", letter_fonts()),
    }
    for channel in channels.values():
        await channel.open()
    return Desk(bench, channels, inbox)


async def shut(parts: Sequence[Desk]) -> None:
    """Let go of the carriers."""
    for part in parts:
        await part.sender.drain()
        await asyncio.gather(*(channel.close() for channel in part.channels.values()))


def dead_letter(engine: Engine, borrower_id: str) -> None:
    """A record about a borrower that could not be read and waits to be run again."""
    with engine.begin() as db:
        db.exec_driver_sql(
            "INSERT INTO dead_letters (kind, reason, error, topic, partition, position, timestamp, headers,"
            " borrower_id, parks) VALUES ('handler', 'r', 'e', 'bank.loans.v1', 0, 1, 0, '[]', %s, true)",
            (borrower_id,),
        )
