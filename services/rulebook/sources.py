"""With what weight a reason is read out: the rank of what its clause cites, its wording, and how well that is known."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from schemas.values import Reason
from services.rulebook.packs import Rule
from services.rulebook.reading import Document

FILE = Path(__file__).with_name("sources.toml")
Language = Literal["zh", "en"]
Rank = Literal["law", "regulation", "guidance", "standard", "self_regulation", "superseded", "draft"]

RANKS: Mapping[Rank, Mapping[Language, str]] = {
    "law": {"en": "by law", "zh": "依法律"},
    "regulation": {"en": "by binding regulation", "zh": "依有约束力的监管规定"},
    "guidance": {"en": "by the regulator's guidance", "zh": "依监管机构解答"},
    "standard": {"en": "by a recommended standard", "zh": "依推荐性国家标准"},
    "self_regulation": {"en": "by self-regulation of the trade", "zh": "依行业自律规范"},
    "superseded": {"en": "by a guideline that is superseded", "zh": "依已被取代的指引"},
    "draft": {"en": "by a draft that is not known to be in force", "zh": "依尚未确认生效的草案"},
}
"""From the highest down: a clause that cites several is read out with the weight of the highest."""

WORDINGS: Mapping[str, Mapping[Language, str]] = {
    "HARD": {"en": "must not", "zh": "禁止"},
    "SOFT": {"en": "should not", "zh": "不宜"},
}
OUR_OWN: Mapping[Language, str] = {"en": "our own rule, not a regulation", "zh": "本机构内部规定，非监管要求"}
CAUTION: Mapping[Language, str] = {
    "en": "the program's own caution, not a regulation",
    "zh": "本系统自身的审慎措施，非监管要求",
}
GATE = "GATE-"
"""How ids of reasons begin that no rule book gives: the gate itself does, where it cannot know, or nothing is due."""

CERTAINTIES: tuple[tuple[str, str], ...] = (
    ("read in the text", "已核对原文"),
    ("secondary source ", "二手来源"),
    ("from memory - unverified", "凭记忆，未经核实"),
    ("hours not found", "时段未查到"),
    ("not found", "未查到"),
    ("meaning uncertain", "含义不明"),
    ("draft", "草案"),
    ("; ", "；"),
    (", ", "，"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that clauses cite. cited: a regular expression. rank: none where it is no text, or a place in one."""

    cited: str
    zh: str
    rank: Rank | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    sources: tuple[Source, ...]


@cache
def load_sources(path: Path = FILE) -> tuple[Source, ...]:
    """All of them, in the order in which they are looked for. Raises BadPack with every mistake and its line."""
    document = Document(path)
    return document.into(_Sources, document.data).sources


def rank_of(clause: str) -> Rank | None:
    """The highest rank of what a clause cites; None where nothing that is known."""
    cited = {source.rank for source in load_sources() if source.rank and re.search(source.cited, clause)}
    return next((rank for rank in RANKS if rank in cited), None)


def weight(reason: Reason, rule: Rule | None, language: Language) -> str:
    """With what weight a reason forbids; how well its text is known, where the rule is here and is not our own."""
    if reason.rule_id.startswith(GATE):
        return CAUTION[language]
    if reason.force == "POLICY":
        return OUR_OWN[language]
    rank, wording = rank_of(reason.clause), WORDINGS[reason.force][language]
    comma, colon = ("，", "确定程度：") if language == "zh" else (", ", "certainty: ")
    said = wording if rank is None else f"{wording}{comma}{RANKS[rank][language]}"
    if rule is None:
        return said
    known = certainty_in_chinese(rule.certainty) if language == "zh" else rule.certainty
    return f"{said}{'；' if language == 'zh' else '; '}{colon}{known}"


def clause_in_chinese(clause: str) -> str:
    """The source of a rule as it is called in Chinese; what is not known stays as it is."""
    for source in load_sources():
        clause = re.sub(source.cited, source.zh, clause)
    return clause


def certainty_in_chinese(certainty: str) -> str:
    """How well a value is known, in Chinese; a word of the house's own stays as it is."""
    for english, chinese in CERTAINTIES:
        certainty = certainty.replace(english, chinese)
    return certainty
