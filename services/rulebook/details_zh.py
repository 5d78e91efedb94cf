"""The details of findings in Chinese: what the kinds say in English, sentence by sentence."""

import re
from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "debtor": "债务人",
    "guarantor": "担保人",
    "contact_person": "联系人",
    "number": "号码",
    "loan": "贷款",
    "contact": "联系",
    "conversation": "通话",
    "home": "住所",
    "work": "工作地点",
    "registered": "登记地址",
    "school": "学校",
    "hospital": "医院",
    "chosen": "借款人选定地点",
    "not known": "不明",
    "deceased": "死亡",
    "incapacitated": "丧失行为能力",
    "bankrupt": "破产",
    "dispute": "异议",
    "hardship": "困难",
    "complaint": "投诉",
    "promise": "还款承诺",
    "plan": "分期计划",
    "pause": "暂停",
    "paused": "暂停",
    "officer": "人工暂停",
    "stop_request": "停止联系要求",
    "attorney": "律师代理",
    "transfer_not_notified": "债权转让未通知",
    "breathing_space": "缓冲期",
    "bereavement": "丧事",
    "disaster": "自然灾害",
    "wedding": "婚礼",
    "night_contact": "夜间联系",
    "channel": "该渠道",
    "third_party": "第三人",
    "workplace_visit": "工作地点走访",
    "holidays": "节假日",
    "contract": "合同",
    "public_channel": "公开渠道",
    "debtor_authorisation": "债务人授权",
}
_SENTENCES: tuple[tuple[str, str], ...] = (
    (r"quiet from (\S+) to (\S+); it is (\S+) there", "静默时段{0}至{1}，当地时间{2}"),
    (r"the borrower asked for peace at this time; it is (\S+)", "借款人要求此时不受打扰，当地时间{0}"),
    (r"the calendar (\S+) is not known for (\d+)", "{1}年的{0}日历未知"),
    (r"(\S+) is a day of (\S+)", "{0}为{1}"),
    (r"a call at (\S+) was not answered", "{0}的电话未接通"),
    (r"(\d+) of at most (\d+) per (\w+) in (\d+) day\(s\)", "{3}日内对同一{2}已有{0}次，上限{1}次"),
    (r"the last (\w+) was on (\S+); (\d+) day\(s\) must pass", "上次{0}为{1}，须间隔{2}日"),
    (r"a (\w+) is not collected from", "不得向{0}催收"),
    (r"a (\w+) is not contacted for \w+", "不得为此目的联系{0}"),
    (r"it is not known which contact person it is", "联系人身份不明"),
    (r"this contact person wants to hear no more of it", "该联系人已拒绝"),
    (r"the source of the contact point is (.+)", "联系方式来源：{0}"),
    (r"the contact point was never confirmed to be the borrower's", "联系方式从未核实"),
    (r"the contact point was last confirmed on (\S+)", "联系方式上次核实于{0}"),
    (r"it was to be made from a private device", "拟使用私人设备"),
    (r"on hold: (.+)", "暂停原因：{0}"),
    (r"the borrower asked not to be contacted", "借款人要求停止联系"),
    (r"no consent to a visit at the place: (\w+)", "未同意在{0}走访"),
    (r"no consent to (\w+)", "未同意{0}"),
    (r"the borrower is known to be vulnerable", "借款人处于弱势状况"),
    (r"the borrower is (\w+)", "借款人{0}"),
    (r"(\d+) of at least (\d+) people", "{0}人，至少须{1}人"),
    (r"no recording is planned", "未安排录音录像"),
    (r"the place is not known", "地点不明"),
    (r"the place is (.+)", "地点：{0}"),
    (r"no notice is proved to have arrived", "没有通知送达的证据"),
    (r"the proved notice is older than (\d+) days", "送达的通知已超过{0}日"),
    (r"the response window is not over", "答复期未届满"),
    (r"the debtor has not been tried in vain", "尚无联系债务人未果的记录"),
    (r"the debtor can still be reached, as far as is known", "债务人仍可联系"),
    (r"no time zone known", "当地时区不明"),
    (r"the time zone \S+ is not known", "当地时区不明"),
    (r"no rule book in force for the region (\S*)", "地区{0}没有现行规则"),
    (r"the region (\S*) is not known", "地区{0}不明"),
    (r"the time proposed for it has passed", "申请的时间已过"),
    (r"nothing is past due", "没有逾期款项"),
    (r"the case is not entrusted to this agency", "案件未委托给该机构"),
    (r"the placement was recalled", "委托已撤回"),
    (r"no contact point for this channel is known", "没有可用的联系方式"),
    (r"somebody who is not the borrower was reached there", "该联系方式的使用者不是借款人"),
    (
        r"this contact point is not known of the borrower, and nothing says where it is from",
        "借款人名下没有这一联系方式，也未说明来源",
    ),
    (
        r"somebody who is not the borrower was reached at a contact point of this source, and this one is not known",
        "同一来源的联系方式曾联系到他人，而这一联系方式未经登记",
    ),
    (r"the strategy is paused", "催收策略已暂停"),
)
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _SENTENCES)


def in_chinese(detail: str) -> str:
    """A finding's detail in Chinese; one that is not known stays as it is."""
    for pattern, words in _COMPILED:
        if found := pattern.fullmatch(detail):
            return words.format(*(_word(part) for part in found.groups()))
    return detail


def _word(part: str) -> str:
    return "、".join(WORDS.get(each, each) for each in part.split(", "))
