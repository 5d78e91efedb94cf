"""Every text can be looked at for a sample borrower, also one that may not be sent as things are set up."""

from datetime import date
from pathlib import Path
from shutil import copytree

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from schemas.values import Channel
from services.kit.pages import LANGUAGES, Language, Pages
from services.notifier.api.desk import FOLDER, Previews, _add_pictures, _add_texts
from services.notifier.text import TEMPLATES, Texts
from tests.notifier.edge import settings

TODAY = date(2026, 3, 4)
FIRM = {"law_firm": "Zhengheng Law", "law_firm_zh": "正衡律师事务所", "law_firm_address": "8 Law Road, Shenzhen"}


def previews(**changes: str) -> Previews:
    return Previews(settings(**changes), lambda: TODAY)


async def seen(made: Previews, path: str, language: Language, country: str = "CN") -> Response:
    app = FastAPI()
    _add_texts(app.router, Pages.of(FOLDER), made)
    _add_pictures(app.router, made)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://notifier") as client:
        return await client.get(path, params={"text": language, "lang": language, "country": country})


@pytest.mark.parametrize("country", ["CN", "US", "IN", "GB"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_shown_whole_in_every_country(country: str, language: Language) -> None:
    made = previews()
    for name, channels in made.rows():
        for channel in channels:
            assert made.as_json(name, channel, language, country)["text"], (name, channel)


async def test_a_lawyers_letter_without_a_firm_is_shown_and_says_that_it_is_not_sent() -> None:
    made = previews()
    page = (await seen(made, "/templates/lawyers_letter/letter", "zh-CN")).text
    assert "示例律师事务所" in page
    assert "尚未设置律师事务所" in page
    told = made.as_json("lawyers_letter", "letter", "en", "CN")
    assert "law_firm" in told["unfit"]
    assert "Sample Law Firm writes to you on behalf of" in told["text"]
    sheet = await seen(made, "/templates/lawyers_letter/letter/page.pdf", "zh-CN")
    assert sheet.content.startswith(b"%PDF")


async def test_a_lawyers_letter_with_a_firm_is_shown_in_its_name_and_may_be_sent() -> None:
    made = previews(**FIRM)
    told = made.as_json("lawyers_letter", "letter", "en", "CN")
    assert "unfit" not in told
    assert "Zhengheng Law writes to you" in told["text"]
    page = (await seen(made, "/templates/lawyers_letter/letter", "en")).text
    assert 'role="alert"' not in page


UNFIT: dict[Language, dict[str, tuple[str, ...]]] = {
    "zh-CN": {
        "no firm": ("尚未设置律师事务所", "请系统管理员设置"),
        "a word": ("文本中出现“法院”", "请文本管理员在下一版本中删去"),
        "a part": ("缺少", "停止接收的方式", "在下一版本的各语言文本中补上"),
        "a value": ("不足以填写", "请告知文本管理员"),
    },
    "en": {
        "no firm": ("no law firm is set", "Have whoever runs the service set"),
        "a word": ("It says “Court”", "leave it out of the next version"),
        "a part": ("It lacks", "How to opt out", "put it into the next version"),
        "a value": ("cannot be filled in", "Tell whoever keeps the texts"),
    },
}


def with_flaw(folder: Path, flaw: str) -> Texts:
    """Texts whose notice by SMS has a flaw that only shows with the preview's days past due, not when tried out."""
    copied = copytree(TEMPLATES / "v3", folder / "v1")
    for language in LANGUAGES:
        path = copied / f"{language}.toml"
        said = path.read_text("utf-8").replace(
            "{{ notes }}", "{{ notes }}{% if days_past_due == 12 %}" + flaw + "{% endif %}"
        )
        path.write_text(said, "utf-8")
    return Texts(settings().lender(), folder)


def with_fault(fault: str, folder: Path) -> tuple[Previews, str]:
    """Previews whose text at that address has the fault."""
    made = previews()
    match fault:
        case "a word":
            made.texts = with_flaw(folder, "{{ '法院' if language == 'zh-CN' else ' Court' }}")
        case "a part":
            made.texts = Texts(settings().lender(), version="v1")
        case "a value":
            made.texts = with_flaw(folder, "{{ unheard_of }}")
    return made, "/templates/lawyers_letter/letter" if fault == "no firm" else "/templates/notice/sms"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fault", list(UNFIT["en"]))
async def test_a_text_that_may_not_be_sent_says_to_people_what_is_wrong_and_what_to_do(
    tmp_path: Path, language: Language, fault: str
) -> None:
    made, path = with_fault(fault, tmp_path)
    page = (await seen(made, path, language, "US" if fault == "a part" else "CN")).text
    alert = page.partition('role="alert">')[2].partition("</div>")[0]
    assert all(said in alert for said in UNFIT[language][fault]), alert
    assert "undefined" not in alert.partition('lang="en"')[0]


@pytest.mark.parametrize("country", ["CN", "US", "IN", "GB"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["letter", "lawyers_letter"])
def test_every_letter_is_one_page_in_the_name_of_the_longest_firm(name: str, language: Language, country: str) -> None:
    made = previews(**FIRM | {"law_firm": "Zhengheng and Featherstonehaugh Law Firm Limited"})
    assert made.press().picture(made.letter(name, language, country)).count(b"\x89PNG") == 1


@pytest.mark.parametrize(
    ("language", "whose"), [("zh-CN", "示例消费金融客服与投诉："), ("en", "Example Consumer Finance, service")]
)
@pytest.mark.parametrize("channel", ["letter", "email"])
def test_a_lawyers_letter_says_whose_number_it_names(channel: Channel, language: Language, whose: str) -> None:
    made = previews(**FIRM).write("lawyers_letter", channel, language, "CN").message
    assert whose in made.text


def test_a_call_before_the_day_says_the_one_amount_plainly() -> None:
    said = previews().write("early_warning", "voice", "en", "CN").message.text
    assert "1,023.40. If it will be difficult" in said
