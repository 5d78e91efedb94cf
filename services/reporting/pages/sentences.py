"""What services say in English sentences, in Chinese: reasons, alarms, differences. What is not known stays as it is.

The facts keep the sentence that was said; only pages are translated, and they show the original beside. Rules have a
sentence of their own in both languages, in the rule book.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

from services.kit.pages import Language
from services.rulebook.details_zh import in_chinese
from services.rulebook.shelf import load_rulebooks

Word = Callable[[str], str]

_SENTENCES: tuple[tuple[str, str], ...] = (
    # cases, placements
    (r"score (\S+) became (\S+)", "评分由 {0} 变为 {1}"),
    (r"best of (\d+) eligible under (.+?): (.+)", "按 {1} 在 {0} 家合格机构中得分最高：{2:parts}"),
    (r"no answer in time", "逾期未答复"),
    (r"declined: (.+)", "机构拒绝：{0}"),
    (r"withdrawn \((\w+)\): (.+)", "撤回（{0}）：{1}"),
    (r"withdrawn: (.+)", "撤回：{0}"),
    (r"the case closed: (.+)", "已结案：{0}"),
    (r"the placement was active", "当时处于委案期内"),
    (r"a case was open and no agency worked it", "案件在办，未委托机构"),
    (r"no case was open", "当时没有在办案件"),
    (r"no case is open", "没有在办案件"),
    (r"the term is over", "委托期满"),
    (r"the borrower refused", "借款人拒绝"),
    (r"the borrower could not be met", "未能见到借款人"),
    (r"the borrower complained", "借款人投诉"),
    (r"the borrower declared hardship", "借款人申报困难"),
    (r"the borrower asked not to be contacted", "借款人要求停止联系"),
    (r"the borrower promised to pay", "借款人承诺还款"),
    (r"the debt is disputed", "债务有异议"),
    (r"a plan was agreed", "已达成分期"),
    (r"a plan took its place", "由分期取代"),
    (r"the licence has run out", "资质已到期"),
    (r"(\d+) complaints upheld in (\d+) visits", "{1} 次上门中有 {0} 件投诉成立"),
    (r"payment (\S+) was taken back: (.+)", "回款 {0} 被冲回：{1}"),
    (r"taken back: (.+)", "已冲回：{0}"),
    (r"the payment id was used before, for (\S+) (\S+)", "该回款编号曾用于 {0} {1}"),
    (r"(\w+), but never told", "对账快照为“{0}”，但从未收到该事实"),
    # disputes, hardship, complaints, holds, plans
    (r"by rule: the lender's records do not prove the debt", "按规则：出借人记录不能证明该债务"),
    (r"by rule: the records prove the debt", "按规则：记录可以证明该债务"),
    (r"(\w+) alone is no reason for relief under the strategy", "按策略，仅凭“{0}”不能减免"),
    (r"the visit's own record shows an incident", "上门记录显示存在事件"),
    (r"no record of a contact shows a breach", "没有联系记录显示违规"),
    (r"the dispute was rejected", "异议未成立"),
    (r"the complaint was answered", "投诉已答复"),
    (r"(\w+) was rejected", "{0}未通过"),
    (r"nothing is past due any more", "已无逾期"),
    (r"a new default began", "新的逾期开始"),
    (r"a loan is to be collected again", "贷款恢复催收"),
    (r"the borrower consented to contact", "借款人同意联系"),
    (r"a plan is being performed already", "已有分期在履行"),
    (r"(\d+) to (\d+) instalments can be agreed", "可约定 {0} 至 {1} 期"),
    # notices, visits
    (r"no receipt came in time", "逾期未收到回执"),
    (r"the carrier could not deliver it", "承运方未能送达"),
    (r"No result was reported\.", "未上报结果。"),
    (r"The visit is over: (\w+), (\w+)", "上门已结束：{0}，{1}"),
    (r"This visit is over: (.+)\. Do not contact the borrower\.", "本次上门已结束：{0}。请勿联系借款人。"),
    (r"No such visit is open\.", "没有这次进行中的上门。"),
    # the decision whether to go to law
    (r"No other way is left: (.+)\.", "已无其他途径：{0}。"),
    (r"unanswered in writing", "书面联系未获回应"),
    (r"its ground is gone: (.+)", "理由已不存在：{0}"),
    (r"a part of what is past due was paid", "已偿还部分逾期款项"),
    (r"The claim of (\S+) is above (\S+)\.", "债权 {0} 高于 {1}。"),
    (r"The claim of (\S+) is not above (\S+)\.", "债权 {0} 未高于 {1}。"),
    (r"The borrower is vulnerable\.", "借款人处于弱势状况。"),
    (r"The borrower is not vulnerable\.", "借款人不属弱势群体。"),
    (r"the borrower is vulnerable", "借款人处于弱势状况"),
    (
        r"The claim can be enforced until (\S+), counted from the (\w+) by (\w+) of (\S+)"
        r" about (\S+) \(evidence (\S+)\)\.",
        "诉讼时效至 {0}，自 {3} 就 {4} 以{2}主张权利（{1:word}）起算，证据 {5}。",
    ),
    (
        r"The claim can be enforced until (\S+), counted from the (\w+) of (\S+) about (\S+) \(evidence (\S+)\)\.",
        "诉讼时效至 {0}，自 {2} 就 {3} 的“{1}”起算，证据 {4}。",
    ),
    (r"The claim can be enforced until (\S+), counted from (\S+) of (\S+)\.", "诉讼时效至 {0}，自 {2} 的 {1} 起算。"),
    (r"The claim can be enforced until an unknown day\.", "诉讼时效届满日不明。"),
    (r"The claim has been barred since (\S+?),? .*", "诉讼时效已于 {0} 届满。"),
    # laws and alarms
    (
        r"received − reversed = agency \+ in-house \+ unattributed \+ settling",
        "收到 − 冲回 = 机构 + 自营 + 无归属 + 待结",
    ),
    (r"accrued − reversed = basis points of what is attributed to agencies", "计提 − 追回 = 归属机构回款 × 约定基点"),
    (r"disputes and hardship told = answered \+ open", "提出的异议与困难 = 已答复 + 待答复"),
    (r"allowed = made \+ withdrawn \+ pending", "放行 = 已进行 + 已撤回 + 待进行"),
    (r"last number said = numbers read, per source", "最后发出的编号 = 已读取的编号数（按来源）"),
    (r"Contact (\S+) was made while a stop stood", "联系 {0} 发生在停止催收期间"),
    (r"(\d+) records? stands? in the dead letters", "死信中有 {0} 条记录"),
    (r"(\d+) gaps? in what was numbered: (.+)", "编号有 {0} 处缺口：{1:same}"),
    (r"(\d+) numbers are missing: (.+)", "缺少 {0} 个编号：{1:same}"),
    (r"(\w+): nobody reads for it\..*", "{0:same}：无进程读取。查看其日志、/health/ready 和 arrears positions list。"),
    (r"(.+?) ≠ (.+?) \((.+)\): (.*)", "{0:same} ≠ {1:same}（{2:law}）：{3:same}"),
)
_COMPILED = tuple((re.compile(pattern), chinese) for pattern, chinese in _SENTENCES)
_PART = re.compile(r"\{(\d)(?::(\w+))?\}")
_NAME = re.compile(r"[a-z][a-z_-]*(?:\.[a-z_]+)?")


def sentence(text: str, language: Language, word: Word) -> str:
    """A sentence of a service in the reader's language. `word` says words of the trade in it."""
    known = word(text)
    if language == "en" or known != text:
        return known
    for pattern, chinese in _COMPILED:
        if found := pattern.fullmatch(text):
            return _PART.sub(lambda part: _part(part[2] or "any", found[int(part[1]) + 1], word), chinese)
    joined = text.replace(" ", "_")
    return in_chinese(text) if word(joined) == joined else word(joined)


def _part(kind: str, text: str, word: Word) -> str:
    match kind:
        case "same":
            return text
        case "parts":
            return "，".join(f"{word(f'score.{name}')} {points}" for name, _, points in _scores(text))
        case "law":
            return equation(text, word)
    return sentence(text, "zh-CN", word)


def _scores(text: str) -> list[tuple[str, str, str]]:
    return [part.partition(" ") for part in text.split(", ")]


def equation(text: str, word: Word) -> str:
    """Both sides of a law in Chinese, with the names that its terms have on pages."""
    said = sentence(text, "zh-CN", word)
    return _NAME.sub(lambda name: word(name[0]), text) if said == text else said


def difference(text: str, word: Word) -> str:
    """One line of a restatement, `name: before → after`, with the names of figures as pages have them."""
    name, colon, values = text.partition(": ")
    parts = [_figure(part, word) for part in name.split(".")]
    before, arrow, after = values.partition(" → ")
    return f"{' · '.join(parts)}{word('colon')}{_figure(before, word)}{arrow}{_figure(after, word)}" if colon else text


def _figure(text: str, word: Word) -> str:
    """`at_risk`, `payment_received CNY`, `closed cured`, or a value as it is."""
    known = word(f"figure.{text}")
    if known != f"figure.{text}":
        return known
    first, space, rest = text.partition(" ")
    return f"{_figure(first, word)}{space}{word(rest)}" if space else word(text)


@cache
def _rules() -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Rule id → its sentences in English and Chinese, one pair for each version of the rule book, the latest first."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for book in sorted(load_rulebooks().versions(), key=lambda b: (len(b.version), b.version), reverse=True):
        for rule in book.rules:
            found[rule.id] = (*found.get(rule.id, ()), (rule.text, rule.text_zh))
    return found


def rule(rule_id: str, language: Language, word: Word) -> str:
    """What a rule, or a check of the gate's own, asks; empty where nothing is known of it."""
    pairs = _rules().get(rule_id, ())
    if not pairs:
        own = word(f"rule.{rule_id}")
        return "" if own == f"rule.{rule_id}" else own
    return pairs[0][0] if language == "en" else _zh(pairs) or pairs[0][0]


def _zh(pairs: tuple[tuple[str, str], ...]) -> str:
    return next((zh for _, zh in pairs if zh), "")


def reason(rule_id: str, text: str, language: Language, word: Word) -> str:
    """The sentence of a decision's reason: what the rule asks, and in brackets what was found."""
    pairs = _rules().get(rule_id, ())
    if language == "en" or not _zh(pairs):
        return sentence(text, language, word)
    for english, _ in pairs:
        if text.startswith(f"{english} ("):
            return f"{_zh(pairs)}（{in_chinese(text.removeprefix(f'{english} (').removesuffix(')'))}）"
    return sentence(text, language, word)
