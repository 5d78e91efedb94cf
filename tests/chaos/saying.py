"""One event of an outsider, as bytes: CloudEvents 1.0 in structured mode, written without the project's own types."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LOANS, BORROWERS, SNAPSHOTS, REPORTS = (
    "bank.loans.v1",
    "bank.borrowers.v1",
    "bank.snapshots.v1",
    "agencies.reports.v1",
)
BANK, GATEWAY = "/bank/core", "/agencies/gateway"
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Saying:
    """One event: where it goes, under which key, under which id, and its bytes."""

    topic: str
    key: str
    id: str
    source: str
    value: bytes


def saying(topic: str, key: str, id_: str, kind: str, at: datetime, data: Data, source: str = BANK) -> Saying:  # noqa: PLR0917
    """An event in the form of CloudEvents 1.0, structured mode."""
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": source,
        "type": kind,
        "time": at.isoformat(),
        "subject": key,
        "partitionkey": key,
        "datacontenttype": "application/json",
        "data": data,
    }
    return Saying(topic, key, id_, source, json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


def money(cents: int) -> str:
    """Cents as a decimal string."""
    return f"{cents // 100}.{cents % 100:02}"
