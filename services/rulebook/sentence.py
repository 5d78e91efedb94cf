"""A recorded decision in sentences that a complaints officer can read to the borrower, in Chinese and in English."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from schemas.values import Reason
from services.rulebook.details_zh import in_chinese
from services.rulebook.gate import NO_RULEBOOK
from services.rulebook.local import zone_of
from services.rulebook.packs import Rule, Rulebook
from services.rulebook.record import read
from services.rulebook.remedies import remedies
from services.rulebook.review import Recorded
from services.rulebook.sources import Language, clause_in_chinese, weight

CONTACTS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "sms": "向{}发送短信",
        "email": "向{}发送电子邮件",
        "letter": "向{}寄送信函",
        "voice": "致电{}",
        "visit": "上门走访{}",
    },
    "en": {
        "sms": "A text message to the {}",
        "email": "An e-mail to the {}",
        "letter": "A letter to the {}",
        "voice": "A call to the {}",
        "visit": "A visit to the {}",
    },
}
OURSELVES = "notifier"
"""Who asks where the house writes of its own accord."""


def sentences(recorded: Recorded, rulebook: Rulebook | None, language: Language) -> tuple[str, ...]:
    """What was asked and decided; then one sentence for each reason; then when it could be otherwise."""
    return tuple(_chinese(recorded, rulebook) if language == "zh" else _english(recorded, rulebook))


def _english(recorded: Recorded, rulebook: Rulebook | None) -> Iterator[str]:
    proposal = read(recorded.inputs).proposal
    what = CONTACTS["en"][proposal.channel].format(proposal.party.replace("_", " "))
    who = "us" if proposal.proposed_by == OURSELVES else proposal.proposed_by
    verdict = "was allowed" if recorded.allowed else "was not allowed"
    yield f"{what}, asked for by {who} for {_when(recorded, 'en')}, {verdict}."
    for reason in recorded.reasons:
        source = f"; {reason.clause}" if reason.clause else ""
        yield f"{reason.rule_id} ({weight(reason, _rule(reason, rulebook), 'en')}{source}): {reason.text}"
    if recorded.allowed and not recorded.reasons:
        yield "No rule stood against it."
    yield from _edges(recorded, "It may be made until {}.", "It can be allowed from {} at the earliest.", "en")
    if not recorded.allowed and recorded.retry_at is None:
        yield _en_remedy(recorded, rulebook)
    yield _en_book(recorded, rulebook)


def _chinese(recorded: Recorded, rulebook: Rulebook | None) -> Iterator[str]:
    proposal = read(recorded.inputs).proposal
    party = {"debtor": "债务人", "guarantor": "担保人", "contact_person": "联系人"}[proposal.party]
    verdict = "获准" if recorded.allowed else "未获准"
    what = CONTACTS["zh"][proposal.channel].format(party)
    who = "本机构" if proposal.proposed_by == OURSELVES else f"{proposal.proposed_by} "
    yield f"{who}申请于{_when(recorded, 'zh')}{what}，{verdict}。"
    for reason in recorded.reasons:
        source = f"；依据：{clause_in_chinese(reason.clause)}" if reason.clause else ""
        yield f"{reason.rule_id}（{weight(reason, _rule(reason, rulebook), 'zh')}{source}）：{_zh(reason, rulebook)}"
    if recorded.allowed and not recorded.reasons:
        yield "没有任何规则禁止此次联系。"
    yield from _edges(recorded, "须在{}之前进行。", "最早可于{}获准。", "zh")
    if not recorded.allowed and recorded.retry_at is None:
        yield _zh_remedy(recorded, rulebook)
    yield _zh_book(recorded, rulebook)


def _rule(reason: Reason, rulebook: Rulebook | None) -> Rule | None:
    return rulebook.rule(reason.rule_id) if rulebook else None


def _zh(reason: Reason, rulebook: Rulebook | None) -> str:
    """The rule's own Chinese sentence, the detail, and a recorded override as it was written."""
    rule = _rule(reason, rulebook)
    if rule is None or not rule.text_zh:
        return in_chinese(reason.text)
    told = reason.text.removeprefix(f"{rule.text} (")
    detail, _, override = told.partition(") Overridden: ")
    if not override:
        return f"{rule.text_zh}（{in_chinese(told.removesuffix(')'))}）"
    return f"{rule.text_zh}（{in_chinese(detail)}） 已记录的例外理由：{override}"


def _edges(recorded: Recorded, until: str, earliest: str, language: Language) -> Iterator[str]:
    if recorded.allowed and recorded.expires_at is not None:
        yield until.format(_local(recorded.expires_at, recorded, language))
    elif recorded.retry_at is not None:
        yield earliest.format(_local(recorded.retry_at, recorded, language))


def _when(recorded: Recorded, language: Language) -> str:
    """The borrower's own time of the contact; the instant where no zone was known."""
    at = datetime.fromisoformat(recorded.local_time) if recorded.local_time else read(recorded.inputs).proposal.at
    return _words(at, language)


def _local(at: datetime, recorded: Recorded, language: Language) -> str:
    profile = read(recorded.inputs).profile
    zone = zone_of(profile.time_zone) if profile else None
    return _words(at.astimezone(zone) if zone else at, language)


def _words(at: datetime, language: Language) -> str:
    if language == "zh":
        return f"{at.year}年{at.month}月{at.day}日{at:%H:%M}"
    return f"{at.day} {at:%B %Y, %H:%M}"


def _en_remedy(recorded: Recorded, rulebook: Rulebook | None) -> str:
    """What must come first: all of it, for each reason stands by itself."""
    needed = remedies(recorded.reasons, rulebook, "en")
    if not needed:
        return "No passing of time changes this; something else must."
    return f"No passing of time changes this. It can be allowed once {', and '.join(needed)}."


def _zh_remedy(recorded: Recorded, rulebook: Rulebook | None) -> str:
    needed = remedies(recorded.reasons, rulebook, "zh")
    return f"仅时间推移不会改变此决定{'，须先：' + '；'.join(needed) if needed else ''}。"


def _en_book(recorded: Recorded, rulebook: Rulebook | None) -> str:
    if recorded.rulebook == NO_RULEBOOK:
        return "No rule book was in force for it, so nothing could be allowed."
    return f"Decided by the rule book {recorded.rulebook}{'' if rulebook else ' (not here any more)'}."


def _zh_book(recorded: Recorded, rulebook: Rulebook | None) -> str:
    if recorded.rulebook == NO_RULEBOOK:
        return "当时没有适用的现行规则，因此不能获准。"
    return f"本决定依据规则版本 {recorded.rulebook}{'' if rulebook else '（本机已无此版本）'} 作出。"
