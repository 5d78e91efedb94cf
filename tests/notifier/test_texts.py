"""What notices say, in both languages, on every channel; and what no notice may say."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jinja2.exceptions import TemplateSyntaxError

from schemas.values import Channel
from services.kit.pages import LANGUAGES
from services.notifier.text import TEMPLATES, Lender, Texts, Unfit
from services.notifier.writer import parts_for
from services.rulebook.shelf import load_rulebooks
from tests.notifier.notices import LENDER, TEXTS, notice, owed

STEPS = ("early_warning", "reminder", "notice", "letter")
ALL_CHANNELS: tuple[Channel, ...] = ("sms", "email", "letter", "voice")
CHANNELS = ("sms", "email", "letter")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_every_notice_names_lender_reason_amounts_link_and_complaints(step: str, channel: str, language: str) -> None:
    message = TEXTS.write(notice(step=step, channel=channel, language=language)).message
    components = () if step == "early_warning" else ("1,000.00", "20.05", "3.40")
    for part in (*components, "1,023.45", "https://lender.example/n/abc", "400-820-0000"):
        assert part in message.text
    assert LENDER.name[language] in message.text  # type: ignore[index]
    assert re.search("贷款|loan", message.text)
    assert "¥" in message.text


def test_a_text_message_names_no_person_and_a_letter_does() -> None:
    assert "李雷" not in TEXTS.write(notice(channel="sms")).message.text
    assert TEXTS.write(notice(channel="letter", step="letter")).message.sheet["name"] == "李雷"


def test_a_component_that_is_zero_is_not_named() -> None:
    text = TEXTS.write(notice(arrears=owed("99.90"))).message.text
    assert "应还本金¥99.90。" in text
    assert "费用" not in text


def test_english_counts_days_rightly() -> None:
    assert "1 day past due" in TEXTS.write(notice(language="en", days_past_due=1)).message.text
    assert "2 days past due" in TEXTS.write(notice(language="en", days_past_due=2)).message.text


def test_an_early_warning_names_the_day_where_it_is_known() -> None:
    known = TEXTS.write(notice(step="early_warning", due_date=date(2026, 3, 9)))
    assert "将于2026年3月9日到期" in known.message.text
    assert "即将到期" in TEXTS.write(notice(step="early_warning")).message.text


def test_mail_in_html_escapes_and_plain_text_does_not() -> None:
    lender = Lender({"zh-CN": "甲&乙", "en": "A & B <Finance>"}, LENDER.address, LENDER.complaints)
    message = Texts(lender).write(notice(channel="email", language="en")).message
    assert "A & B <Finance>" in message.text
    assert "A &amp; B &lt;Finance&gt;" in message.html
    assert "<Finance>" not in message.html


def test_what_is_remembered_of_a_text_changes_with_the_text_alone() -> None:
    first, same, other = (TEXTS.write(notice(days_past_due=days)) for days in (3, 3, 4))
    assert first.digest == same.digest != other.digest
    assert (first.template, first.version) == ("reminder.sms", "v3")


def edited(folder: Path, old: str, new: str, language: str = "zh-CN") -> Path:
    shutil.copytree(TEMPLATES / "v3", folder / "v1")
    path = folder / "v1" / f"{language}.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return folder


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("如已还款请忽略。", "否则我们将向法院起诉。", "says '法院'"),
        ("如已还款请忽略。", "将被列入黑名单。", "says '黑名单'"),
        (" 客服与投诉：{{ complaints }}", "", "lacks complaints"),
        ("应还{{ components }}", "应还{{ rows[0].amount }}", "lacks interest, fees, total"),
        ("{{ link }}", "", "lacks link"),
    ],
)
def test_a_text_that_may_not_be_sent_is_found_when_it_is_read(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    with pytest.raises(Unfit, match=complaint):
        Texts(LENDER, edited(tmp_path, old, new))


def test_a_threat_is_found_in_english_too(tmp_path: Path) -> None:
    folder = edited(tmp_path, "If you have paid, please ignore this.", "Your employer will be told.", "en")
    with pytest.raises(Unfit, match="Your employer"):
        Texts(LENDER, folder)


def test_an_unknown_name_or_a_broken_bracket_is_found_when_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="nickname"):
        Texts(LENDER, edited(tmp_path / "a", "您好，您的贷款", "{{ nickname }}，您的贷款"))
    with pytest.raises(TemplateSyntaxError):
        Texts(LENDER, edited(tmp_path / "b", "您好，您的贷款", "{{ 您的贷款"))


def test_a_text_reaches_nothing_but_its_values(tmp_path: Path) -> None:
    folder = edited(tmp_path, "您好，您的贷款", "{{ ''.__class__.__mro__ }}您的贷款")
    with pytest.raises(Unfit, match="reminder"):
        Texts(LENDER, folder)


def test_the_highest_version_speaks(tmp_path: Path) -> None:
    folder = edited(tmp_path, "您好，您的贷款", "尊敬的客户，您的贷款")
    for number in (2, 10):
        shutil.copytree(TEMPLATES / "v1", folder / f"v{number}")
    assert Texts(LENDER, folder).version == "v10"
    assert "尊敬的客户" in Texts(LENDER, folder, "v1").write(notice()).message.text


def test_a_step_without_a_text_is_not_improvised() -> None:
    with pytest.raises(Unfit, match=r"no text letter\.voice"):
        TEXTS.write(notice(step="letter", channel="voice"))


# -- the lawyer's letter, the call, and what local rules ask for ------------------------------------------------------


def test_a_lawyers_letter_is_written_in_the_name_of_the_firm_and_never_without_one() -> None:
    with pytest.raises(Unfit, match="law_firm"):
        TEXTS.write(notice(step="lawyers_letter", channel="letter"))
    firm = replace(LENDER, law_firm={"zh-CN": "正衡律师事务所", "en": "Zhengheng Law"}, law_firm_address=LENDER.address)
    message = Texts(firm).write(notice(step="lawyers_letter", channel="letter", language="en")).message
    assert (message.sheet["head"], message.sheet["sign_off"]) == ("Zhengheng Law", "Zhengheng Law")
    assert "on behalf of Anxin Finance" in message.text


@pytest.mark.parametrize("asked", ["{{ law_firm }}", "{{ law_firm_address }} {{ law_firm }}"])
def test_the_firm_is_asked_for_before_its_address_whichever_the_text_names_first(tmp_path: Path, asked: str) -> None:
    copied = shutil.copytree(TEMPLATES / "v3", tmp_path / "v1")
    for path in copied.glob("*.toml"):
        path.write_text(path.read_text("utf-8").replace("{{ notes }}", "{{ notes }}" + asked), "utf-8")
    with pytest.raises(Unfit) as caught:
        Texts(LENDER, tmp_path).write(notice(step="lawyers_letter", channel="sms"))
    assert caught.value.fault == "law_firm"
    addressless = replace(LENDER, law_firm={"zh-CN": "正衡律师事务所", "en": "Zhengheng Law"})
    with pytest.raises(Unfit) as caught:
        Texts(addressless, tmp_path).write(notice(step="lawyers_letter", channel="sms"))
    assert caught.value.fault == "law_firm_address"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("step", ["early_warning", "reminder", "notice"])
def test_a_call_says_nothing_of_a_debt_before_it_knows_to_whom_it_speaks(step: str, language: str) -> None:
    message = TEXTS.write(notice(step=step, channel="voice", language=language)).message
    assert not re.search("贷款|逾期|loan|past due|还款|owe|¥", message.greeting)
    assert LENDER.name[language] in message.greeting  # type: ignore[index]
    assert "1,023.45" in message.text
    assert "https://" not in message.text
    assert "400-820-0000" in message.text


JURISDICTIONS = ("CN-GD", "US-CA", "IN-MH", "GB-LND")


@pytest.mark.parametrize("region", JURISDICTIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_parts_that_the_borrowers_rule_book_asks_for(region: str, language: str) -> None:
    rulebook = load_rulebooks().for_region(region, datetime(2026, 11, 1, tzinfo=UTC))
    assert rulebook is not None
    for channel in ALL_CHANNELS:
        parts = parts_for(rulebook, channel, date(2026, 11, 1))
        for name in TEXTS.names(channel):
            if name != "lawyers_letter":
                step = name if name == "early_warning" else "notice"
                said = TEXTS.write(
                    notice(step=step, template=name, channel=channel, language=language, parts=parts)
                ).message
                told = f"{said.greeting} {said.subject} {said.text}"
                for part in parts.keys() & SAYS.keys():
                    assert re.search(SAYS[part], told), f"{name}.{channel} lacks {part}"
                assert ("attempt to collect" in told or "旨在催收" in told) == ("debt_collector" in parts)


SAYS = {
    "lender": "安心消费金融|Anxin Finance",
    "reason": "贷款|loan",
    "amounts": "1,023.45",
    "complaints": "400-820-0000",
    "opt_out": "选择停止|To stop messages",
    "debt_collector": "旨在催收债务|attempt to collect a debt",
}


@pytest.mark.parametrize("part", ["opt_out", "debt_collector"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_that_leaves_out_what_a_rule_asks_for_is_refused(tmp_path: Path, part: str, language: str) -> None:
    folder = edited(tmp_path / "a", "{{ notes }}", "", language)
    with pytest.raises(Unfit, match=rf"sms lacks .*{part} \(every rule\)"):
        Texts(LENDER, folder)
    old = Texts(LENDER, TEMPLATES, "v1")
    with pytest.raises(Unfit, match=rf"{part} \(US-1\)"):
        old.write(notice(parts={part: ("US-1",)}, language=language))
    assert old.write(notice(language=language)).version == "v1"


def test_a_text_without_the_word_for_what_it_is_about_is_refused(tmp_path: Path) -> None:
    folder = edited(tmp_path, "您好，您的贷款已逾期", "您好，您的款项已逾期")
    with pytest.raises(Unfit, match="lacks reason"):
        Texts(LENDER, folder)
