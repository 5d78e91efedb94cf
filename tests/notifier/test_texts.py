"""What notices say, in both languages, on every channel; and what no notice may say."""

import re
import shutil
from datetime import date
from pathlib import Path

import pytest
from jinja2.exceptions import TemplateSyntaxError

from services.kit.pages import LANGUAGES
from services.notifier.text import TEMPLATES, Lender, Texts, Unfit
from tests.notifier.notices import LENDER, TEXTS, notice, owed

STEPS = ("early_warning", "reminder", "notice", "letter")
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
    assert (first.template, first.version) == ("reminder.sms", "v1")


def edited(folder: Path, old: str, new: str, language: str = "zh-CN") -> Path:
    shutil.copytree(TEMPLATES / "v1", folder / "v1")
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
    with pytest.raises(Unfit, match="lawyers_letter"):
        TEXTS.write(notice(step="lawyers_letter"))
