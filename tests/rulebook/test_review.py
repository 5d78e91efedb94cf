"""Looking back: a recorded decision made again, told in sentences, and weighed under another version."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.values import Reason
from services.rulebook.catalogue import table
from services.rulebook.gate import decide
from services.rulebook.question import Contacted, History
from services.rulebook.record import as_json, inputs_of
from services.rulebook.remedies import GATE, KINDS
from services.rulebook.review import OF_THE_CASE, Recorded, compare, differences
from services.rulebook.sentence import sentences
from services.rulebook.shelf import load_rulebooks
from services.rulebook.sources import certainty_in_chinese, clause_in_chinese, rank_of, weight
from tests.rulebook.asking import NOON, call, message, profile
from tests.rulebook.test_each_rule import OF_CONTACTS, ids, unlawful
from tests.test_rooms import ROOT

SHELF = load_rulebooks()
ONE, TWO = (SHELF.books["CN"][version] for version in ("1", "2"))
NIGHT = NOON + timedelta(hours=11)
TIMED = {"quiet_hours", "requested_quiet", "blackout", "spacing", "cap", "cooldown"}
"""Kinds that time alone lifts."""


def recorded(proposal, history=None, book=TWO, who=None, **changes):
    history, who = history or History(), who or profile()
    decision = decide(proposal, history, who, book, proposal.at)
    values = {
        "decision_id": "E-1",
        "contact_id": proposal.contact_id,
        "allowed": decision.allowed,
        "reasons": decision.reasons,
        "counters": decision.counters,
        "rulebook": decision.rulebook,
        "local_time": decision.local_time,
        "retry_at": decision.retry_at,
        "expires_at": decision.expires_at,
        "inputs": as_json(inputs_of(proposal, history, who, book, proposal.at)),
    }
    return Recorded(**(values | changes))


def test_a_decision_stands_under_its_own_version():
    assert differences(recorded(message()), SHELF) == ()
    assert differences(recorded(message(at=NIGHT), book=ONE), SHELF) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"allowed": False}, "allowed"),
        ({"counters": {"CN-FREQ-05-SMS": 1}}, "counters"),
        ({"local_time": "2026-03-04T13:00:00+08:00"}, "local_time"),
        ({"expires_at": NOON + timedelta(days=1)}, "expires_at"),
        ({"retry_at": NOON}, "retry_at"),
        ({"reasons": (Reason(rule_id="CN-TIME-01"),)}, "reasons"),
        ({"rulebook": ONE.label, "counters": {}}, "counters"),
    ],
)
def test_whatever_was_changed_afterwards_is_named(changes, field):
    found = differences(recorded(message(), **changes), SHELF)
    assert field in {difference.partition(":")[0] for difference in found}


def test_a_rule_book_that_is_not_here_or_foreign_json_is_a_difference():
    assert differences(recorded(message(), rulebook="CN-2@ffffffff"), SHELF) == (
        "the rule book CN-2@ffffffff is not here",
    )
    (found,) = differences(recorded(message(), inputs={"proposal": {}}), SHELF)
    assert found.startswith("what it rested on cannot be read")


def own(rule_id):
    return Reason(rule_id=rule_id, clause="x", text="x")


def test_what_the_case_itself_forbids_needs_no_rule():
    alone = recorded(message(), allowed=False, reasons=(own("GATE-NOTHING-DUE"),), expires_at=None)
    assert differences(alone, SHELF) == ()
    night = recorded(message(at=NIGHT))
    both = replace(night, reasons=(own("GATE-PLACEMENT"), *night.reasons), retry_at=None)
    assert differences(both, SHELF) == ()
    assert differences(replace(both, reasons=both.reasons[:2]), SHELF) != ()


def test_the_reasons_of_the_case_are_those_that_notifier_gives():
    """Every reason that notifier states itself stands in the list, or no re-run could tell it from a rule's."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "services/notifier/domain").glob("*.py"))
    stated = {part.split('"')[1] for part in source.split("rule_id=")[1:] if part.startswith('"')}
    assert stated <= OF_THE_CASE
    assert stated


def test_a_version_is_weighed_against_another():
    unrecorded = recorded(call(recording=False))
    found = compare(unrecorded, ONE, TWO)
    assert (found.change, [r.rule_id for r in found.after.reasons]) == ("newly denied", ["CN-REC-01"])
    assert (found.added, found.removed) == (("CN-REC-01",), ())
    assert compare(recorded(message()), ONE, TWO).change == "same"
    back = compare(unrecorded, TWO, ONE)
    assert (back.change, back.added, back.removed) == ("newly allowed", (), ("CN-REC-01",))
    assert compare(recorded(call(at=NIGHT, recording=False)), ONE, TWO).change == "other reasons"
    assert compare(unrecorded, SHELF.books["US"]["1"], SHELF.books["US"]["2"]) is None


def test_a_denial_can_be_read_to_the_borrower_in_both_languages():
    talked = tuple(Contacted(f"X-{n}", "voice", NOON - timedelta(minutes=n), "T-1") for n in range(1, 4))
    one = recorded(call(proposed_by="A-south"), History(talked))
    english, chinese = sentences(one, TWO, "en"), sentences(one, TWO, "zh")
    assert english[0] == "A call to the debtor, asked for by A-south for 4 March 2026, 12:00, was not allowed."
    assert english[1].startswith(
        "CN-FREQ-01 (must not, by a recommended standard; certainty: secondary source ×2; GB/T 45251-2025 §5.3*):"
        " At most 3 effective conversations"
    )
    assert english[-2] == "It can be allowed from 5 March 2026, 08:00 at the earliest."
    assert chinese[0] == "A-south 申请于2026年3月4日12:00致电债务人，未获准。"
    assert chinese[1].startswith(
        "CN-FREQ-01（禁止，依推荐性国家标准；确定程度：二手来源×2；"
        "依据：国家标准GB/T 45251-2025第5.3节（节号据目录推定））：对同一债务人每日有效通话不超过3次"
    )
    assert chinese[-1] == f"本决定依据规则版本 {TWO.label} 作出。"


@pytest.mark.parametrize("gate_id", sorted(id_ for id_ in GATE if id_.startswith("GATE-")))
def test_the_programs_own_caution_is_never_read_out_as_a_regulation(gate_id):
    own = Reason(rule_id=gate_id, clause="the gate fails closed", force="HARD", text="x")
    one = replace(recorded(message()), allowed=False, reasons=(own,))
    assert sentences(one, TWO, "en")[1].startswith(f"{gate_id} (the program's own caution, not a regulation; ")
    assert sentences(one, TWO, "zh")[1].startswith(f"{gate_id}（本系统自身的审慎措施，非监管要求；")
    assert f"| {gate_id} |" in table(SHELF)


@pytest.mark.parametrize(
    ("clause", "force", "english", "chinese"),
    [
        ("PIPL art. 21 para 1", "HARD", "must not, by law", "禁止，依法律"),
        ("12 CFR 1006.38", "HARD", "must not, by binding regulation", "禁止，依有约束力的监管规定"),
        ("GB/T 45251-2025 §5.3*", "SOFT", "should not, by a recommended standard", "不宜，依推荐性国家标准"),
        ("CBA 2026", "HARD", "must not, by self-regulation of the trade", "禁止，依行业自律规范"),
        ("Civil Code art. 546; CBA 2026", "HARD", "must not, by law", "禁止，依法律"),
        ("RBI draft of 2026-02-12", "SOFT", "should not, by a draft that is not known", "不宜，依尚未确认生效的草案"),
        ("CBA 2026", "POLICY", "our own rule, not a regulation", "本机构内部规定，非监管要求"),
        ("a decree of ours", "HARD", "must not", "禁止"),
    ],
)
def test_a_reason_weighs_what_its_source_weighs(clause, force, english, chinese):
    reason = Reason(rule_id="CN-X", clause=clause, force=force, text="x")
    assert weight(reason, None, "en").startswith(english)
    assert weight(reason, None, "zh").startswith(chinese)
    assert "binding" not in weight(reason, None, "en") or "12 CFR" in clause


@pytest.mark.parametrize("book", list(SHELF.versions()), ids=lambda book: book.label)
def test_every_source_of_a_shipped_pack_has_a_rank_and_a_name_in_chinese(book):
    for rule in book.rules:
        assert rule.force == "POLICY" or rank_of(rule.clause), rule.id
        named = clause_in_chinese(rule.clause).replace("CONC", "")
        assert not re.search(r"[a-zA-Z]{3,}|\*", named.replace("iii", "")), named
        assert not re.search(r"[a-zA-Z]{3,}", certainty_in_chinese(rule.certainty)), rule.certainty


def test_a_house_rule_is_never_read_out_as_a_regulation():
    stopped = recorded(message(), who=profile(status="bankrupt"))
    assert "our own rule, not a regulation" in sentences(stopped, TWO, "en")[1]
    assert "本机构内部规定，非监管要求" in sentences(stopped, TWO, "zh")[1]
    needed = "It can be allowed once the bank records that the borrower may be contacted."
    assert f"No passing of time changes this. {needed}" in sentences(stopped, TWO, "en")
    assert "仅时间推移不会改变此决定，须先：银行登记借款人可以联系。" in sentences(stopped, TWO, "zh")


def test_a_denial_for_lack_of_a_rule_book_names_none_and_says_what_is_needed():
    elsewhere = recorded(message(), book=None, who=profile(region="ZZ-1"))
    english, chinese = sentences(elsewhere, None, "en"), sentences(elsewhere, None, "zh")
    assert english[-1] == "No rule book was in force for it, so nothing could be allowed."
    assert english[-2].endswith("It can be allowed once rules for the borrower's region are in force.")
    assert chinese[0] == "本机构申请于2026年3月4日12:00向债务人发送短信，未获准。"
    assert not [told for told in chinese if re.search(r"[a-z]{3,}", told)]
    assert "依据：信息不全时一律不予联系" in chinese[1]


@pytest.mark.parametrize("kind", sorted({rule.kind for _, rule in OF_CONTACTS} - TIMED))
def test_every_kind_of_rule_that_time_does_not_lift_says_what_does(kind):
    assert kind in KINDS


def test_an_allowance_says_until_when():
    assert "It may be made until 4 March 2026, 22:00." in sentences(recorded(message()), TWO, "en")
    assert "没有任何规则禁止此次联系。" in sentences(recorded(message()), TWO, "zh")


def test_without_the_pack_the_recorded_words_are_read():
    night = recorded(message(at=NIGHT))
    assert "(not here any more)" in sentences(night, None, "en")[-1]
    assert night.reasons[0].text in sentences(night, None, "zh")[1]


@pytest.mark.parametrize("book", list(SHELF.versions()), ids=lambda book: book.label)
def test_every_rule_in_force_today_can_be_read_in_chinese(book):
    if book.version != "1":
        assert [rule.id for rule in book.rules if not rule.text_zh] == []


@pytest.mark.parametrize(("book", "rule"), OF_CONTACTS, ids=ids(OF_CONTACTS))
def test_nothing_in_the_chinese_sentences_is_left_in_english(book, rule):
    """Ids and sources apart: those are names."""
    proposal, history, who = unlawful(book, rule)
    one = recorded(proposal, history, book, who)
    for reason, sentence in zip(one.reasons, sentences(one, book, "zh")[1:], strict=False):
        source = clause_in_chinese(reason.clause)
        told = sentence.replace(reason.rule_id, "").replace(source, "").replace("bought", "")
        assert book.version == "1" or not re.search(r"[a-zA-Z]{3,}", told), told


def test_an_override_is_told_in_the_words_that_were_recorded():
    six = tuple(Contacted(f"X-{n}", "voice", NOON, "T-1", connected=False) for n in range(6))
    one = recorded(call(overrides={"CN-FREQ-03": "客户要求中午来电"}), History(six))
    assert one.allowed
    told = sentences(one, TWO, "zh")[1]
    assert told.endswith("（1日内对同一号码已有6次，上限6次） 已记录的例外理由：客户要求中午来电")
