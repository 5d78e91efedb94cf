"""Sentences of services on Chinese pages: what our own services say is turned, the rest stays as it was said."""

import re

import pytest

from services.kit.pages import load_phrases
from services.reporting.api.asked import Desk
from services.reporting.domain.alarms import NOBODY_WORKS, alarms
from services.reporting.domain.laws import CONTACTS, FEES, LIVES, PAYMENTS, SEQUENCES, Law, _equation
from services.reporting.pages.console import HERE, Console
from services.reporting.pages.sentences import difference, equation, reason, rule, sentence

PHRASES = load_phrases(HERE)


def chinese(word):
    phrases = PHRASES["zh-CN"]
    return phrases.get(f"word.{word}") or phrases.get(f"type.{word}") or word


def zh(text):
    return sentence(text, "zh-CN", chinese)


def english_words(text):
    """Words of more than one small letter that stand by themselves: ids and codes are none."""
    return re.findall(r"(?<![\w-])[a-z]{2,}(?![\w-])", text)


@pytest.mark.parametrize(
    "said",
    [
        "best of 3 eligible under CN-2@d2058d8d: share_gap 3200, recovery 1240, conduct 2520",
        "no answer in time",
        "score 750 became 500",
        "the placement was active",
        "a case was open and no agency worked it",
        "the case closed: charged off",
        "the case closed: repaid",
        "withdrawn (cured): the case closed: cured",
        "the borrower could not be met",
        "no receipt came in time",
        "by rule: the records prove the debt",
        "other alone is no reason for relief under the strategy",
        "hardship was rejected",
        "payment PAY-1 was taken back: bounced",
        "2 to 12 instalments can be agreed",
        "The visit is over: cancelled, payment",
        "This visit is over: payment. Do not contact the borrower.",
        "No result was reported.",
        "No other way is left: unreachable.",
        "No other way is left: unanswered in writing.",
        "its ground is gone: stop request",
        "a part of what is past due was paid",
        "The claim of 1626.52 is not above 3000.00.",
        "The claim can be enforced until 2029-03-12, counted from the demand by letter of 2026-03-12 about L8 "
        "(evidence PF-N-4).",
        "1 record stands in the dead letters",
        "Contact N-1 was made while a stop stood",
    ],
)
def test_what_our_services_say_is_said_in_chinese(said):
    assert english_words(zh(said)) == []
    assert sentence(said, "en", lambda word: word) == said


def test_a_part_of_a_sentence_is_turned_too():
    assert zh("declined: no answer in time") == "机构拒绝：逾期未答复"


def test_what_a_person_wrote_stays_as_it_was_written():
    assert zh("declined: Kein Personal in der Region") == "机构拒绝：Kein Personal in der Region"
    assert zh("they moved to Wuhan in May") == "they moved to Wuhan in May"


@pytest.mark.parametrize(
    ("written", "language", "shown"),
    [
        (
            "officer-7: 合同齐全",
            "en",
            'officer-7: <span lang="zh-CN">合同齐全</span> <small>(written in Chinese)</small>',
        ),
        ("they moved to Wuhan", "zh-CN", '<span lang="en">they moved to Wuhan</span> <small>（原文为英文）</small>'),
        ("they moved to Wuhan", "en", "they moved to Wuhan"),
    ],
)
def test_a_reason_in_the_other_language_says_so_also_as_the_reason_of_an_exception(written, language, shown):
    pages = Console.of(Desk(None, "Asia/Shanghai")).pages.environment
    assert pages.from_string("{{ quoted(text) }}").render(lang=language, text=written) == shown
    text = f"{rule('CN-TIME-02', 'en', chinese)} (quiet from 22:00 to 08:00; it is 22:16 there) Overridden: {written}"
    html = pages.from_string("{{ reason('CN-TIME-02', text) }}").render(lang=language, text=text)
    assert html.endswith({"en": " Overridden: ", "zh-CN": " 已记录的例外理由："}[language] + shown)
    assert "{" not in html


def test_a_word_of_the_trade_is_said_in_words_in_either_language():
    def english(word):
        return PHRASES["en"].get(f"word.{word}", word)

    assert (zh("consumer_loan"), sentence("consumer_loan", "en", english)) == ("消费贷", "consumer loan")


def test_a_denial_is_told_by_the_rule_and_by_what_was_found():
    english = rule("CN-TIME-02", "en", chinese)
    said = f"{english} (quiet from 22:00 to 08:00; it is 22:16 there)"
    assert reason("CN-TIME-02", said, "zh-CN", chinese) == (
        "未经债务人同意，严禁在22:00至次日08:00催收。（静默时段22:00至08:00，当地时间22:16）"
    )
    assert reason("CN-TIME-02", said, "en", chinese) == said
    assert reason("GATE-POINT", "no contact point for this channel is known", "zh-CN", chinese) == "没有可用的联系方式"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("code", ["GATE-POINT", "GATE-REGION", "GATE-WINDOW", "STRATEGY-PAUSED", "CN-TIME-01"])
def test_every_code_that_denies_is_explained(language, code):
    assert rule(code, language, lambda word: PHRASES[language].get(f"word.{word}", word))


def test_every_law_has_its_equation_in_chinese():
    others = [law[1] for law in (PAYMENTS, FEES, CONTACTS, SEQUENCES)]
    for text in [*map(_equation, LIVES), *others]:
        assert english_words(equation(text, chinese)) == [], text


def test_every_alarm_is_told_in_chinese():
    laws = [
        Law("cases", False, "2", "4", "case.opened + case.reopened = case.closed + open", ("C-1",), 1),
        Law("sequences", False, "9", "7", SEQUENCES[1], ("/arrears/visits/3#4-5",), 1),
    ]
    said = alarms(laws, ["N-1"], 4)
    assert len(said) == 4
    for alarm in said:
        assert english_words(zh(alarm.text).replace("/arrears/visits/", "")) == [], alarm.text
    assert "无进程读取" in zh(f"visits: {NOBODY_WORKS}")


def test_a_restatement_names_its_figures_in_the_readers_words():
    assert difference("at_risk: 36865.46 → 37000.00", chinese) == "在险金额：36865.46 → 37000.00"
    assert difference("currency: None → CNY", chinese) == "币种：无 → CNY"
    assert difference("payments.payment_received CNY: none → 20.00", chinese) == "还款 · 收到 CNY：无 → 20.00"
    assert difference("cases.closed cured: 1 → 2", chinese) == "案件 · 结案 已还清逾期：1 → 2"
