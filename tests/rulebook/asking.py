"""A proposal that every pack allows, of which a test changes what matters."""

from datetime import UTC, datetime, timedelta

from services.rulebook.gate import decide
from services.rulebook.packs import load_rulebook
from services.rulebook.question import History, Profile, Proposal, ProvedDelivery

NOON = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
"""Wednesday 12:00 in Shanghai."""

CN = load_rulebook("CN")


def profile(**changes):
    return Profile(**{"region": "CN-GD", "time_zone": "Asia/Shanghai", **changes})


def message(channel="sms", at=NOON, **changes):
    values = {"contact_id": "N-1", "channel": channel, "purpose": "reminder", "at": at}
    return Proposal(**{**values, "contact_point": "T-1", "contact_source": "contract", "loan_ids": ("L-1",), **changes})


def call(at=NOON, **changes):
    return message("voice", at, **{"purpose": "call", "recording": True, **changes})


def visit(at=NOON, **changes):
    values = {
        "purpose": "visit",
        "contact_id": "V-1",
        "until": at + timedelta(hours=3),
        "place": "home",
        "team": ("S-1", "S-2"),
        "recording": True,
        "proof_id": "PF-1",
    }
    return message("visit", at, **{**values, **changes})


PROVED = (ProvedDelivery("PF-1", NOON - timedelta(days=10), NOON - timedelta(days=5)),)


def ask(proposal, history=None, who=None, book=CN, now=None):
    return decide(proposal, history or History(proofs=PROVED), who or profile(), book, now or proposal.at)


def rules_of(decision):
    return {reason.rule_id for reason in decision.reasons}
