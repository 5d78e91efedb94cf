"""What would have to change where no passing of time does: by the gate's own reason, or by the kind of a rule."""

from collections.abc import Mapping, Sequence
from typing import Literal

from schemas.values import Reason
from services.rulebook.packs import Rulebook

GATE: Mapping[str, tuple[str, str]] = {
    "GATE-TIME-ZONE": ("the bank records the borrower's time zone", "银行登记借款人所在时区"),
    "GATE-REGION": ("rules for the borrower's region are in force", "借款人所在地区有现行规则"),
    "GATE-WINDOW": ("it is asked for at another time", "另行申请时间"),
    "GATE-POINT": (
        "a contact point for this channel is recorded, or its source named",
        "登记联系方式或说明其来源",
    ),
    "GATE-WRONG-PERSON": ("a contact point of the borrower's own is used", "改用借款人本人的联系方式"),
    "GATE-PLACEMENT": ("the case is entrusted to this agency", "案件委托给该机构"),
    "GATE-NOTHING-DUE": ("something is past due", "出现逾期款项"),
    "STRATEGY-PAUSED": ("the strategy is resumed", "催收策略恢复"),
}
KINDS: Mapping[str, tuple[str, str]] = {
    "borrower_status": ("the bank records that the borrower may be contacted", "银行登记借款人可以联系"),
    "consent": ("the borrower consents", "借款人同意"),
    "contact_point_source": ("a contact point from a permitted source is used", "改用来源合规的联系方式"),
    "hold": ("what collection rests for is settled", "暂停催收的事由处理完毕"),
    "lender_device": ("it is made from a device of the lender or agency", "改用机构设备联系"),
    "lost_contact": ("the debtor has been tried in vain", "确认无法联系到债务人"),
    "party": ("it is made with somebody who may be contacted", "改为联系可以联系的人"),
    "place": ("another place is chosen", "改选其他地点"),
    "place_with_consent": ("another place is chosen, or the borrower consents to it", "改选其他地点或取得借款人同意"),
    "proved_notice": (
        "a notice is proved and its time to answer is over",
        "通知送达得到证明且答复期届满",
    ),
    "purpose": ("it is made for a permitted purpose", "改为允许的目的"),
    "recording": ("it is recorded from beginning to end", "安排全程录音录像"),
    "refusal": ("the contact person allows it again", "该联系人重新同意"),
    "staffing": ("enough people take part", "安排足够人员"),
    "stop_request": ("the borrower consents to be contacted again", "借款人重新同意联系"),
    "verified_contact_point": ("the contact point is confirmed to be the borrower's", "核实联系方式属于借款人"),
    "vulnerability": ("the borrower is no longer recorded as vulnerable", "借款人不再登记为弱势状况"),
}


def remedies(reasons: Sequence[Reason], rulebook: Rulebook | None, language: Literal["zh", "en"]) -> tuple[str, ...]:
    """All that must be so before it can be allowed, as parts of a sentence; none where nothing can be said of it."""
    found = [_remedy(reason, rulebook) for reason in reasons]
    return tuple(dict.fromkeys(each[language == "zh"] for each in found if each is not None))


def _remedy(reason: Reason, rulebook: Rulebook | None) -> tuple[str, str] | None:
    rule = rulebook.rule(reason.rule_id) if rulebook else None
    return GATE.get(reason.rule_id) or (KINDS.get(rule.kind) if rule else None)
