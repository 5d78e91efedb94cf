"""A notice with every field filled, of which a test changes what matters."""

from datetime import date
from decimal import Decimal
from typing import Any

from schemas.values import Arrears
from services.notifier.text import Lender, Notice, Texts

LENDER = Lender(
    {"zh-CN": "安心消费金融", "en": "Anxin Finance"},
    {"zh-CN": "深圳市福田区1号", "en": "1 Futian, Shenzhen"},
    "400-820-0000",
)
TEXTS = Texts(LENDER)


def owed(principal: str, interest: str = "0", fees: str = "0") -> Arrears:
    return Arrears(principal=Decimal(principal), interest=Decimal(interest), fees=Decimal(fees))


def notice(**changes: Any) -> Notice:
    defaults: dict[str, Any] = {
        "contact_id": "N-B1-2",
        "step": "reminder",
        "channel": "sms",
        "language": "zh-CN",
        "to": "13800000001",
        "name": "李雷",
        "currency": "CNY",
        "arrears": owed("1000", "20.05", "3.40"),
        "days_past_due": 3,
        "written_on": date(2026, 3, 4),
        "response_days": 5,
        "link": "https://lender.example/n/abc",
        "link_until": date(2026, 6, 1),
    }
    return Notice(**(defaults | changes))
