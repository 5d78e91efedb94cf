"""What pages of all services share: language, figures in words, the frame."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from httpx import ASGITransport, AsyncClient
from jinja2 import UndefinedError
from starlette.requests import Request

from services.kit.pages import Pages, day, instant, load_phrases, money, mount_tokens

PAGE = """{% extends "frame.html" %}{% block title %}{{ t("hello", name=name) }}{% endblock %}
{% block main %}<h1>{{ t("hello", name=name) }}</h1>{{ amount | money("CNY") }} {{ at | instant }}{% endblock %}"""
NOON = datetime(2026, 3, 4, 4, 5, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path) -> AsyncClient:
    (tmp_path / "page.html").write_text(PAGE, "utf-8")
    (tmp_path / "broken.html").write_text("{{ nobody_gave_this }}", "utf-8")
    (tmp_path / "en.toml").write_text('hello = "Hello {name}"', "utf-8")
    (tmp_path / "zh-CN.toml").write_text('hello = "{name}，您好"', "utf-8")
    pages, app = Pages.of(tmp_path), FastAPI()
    mount_tokens(app)

    @app.get("/page")
    def page(request: Request, prefer: str = "") -> HTMLResponse:
        return pages.answer(request, "page.html", prefer=prefer, name="<Li>", amount=Decimal("1234.5"), at=NOON)

    @app.get("/broken")
    def broken(request: Request) -> HTMLResponse:
        return pages.answer(request, "broken.html")

    return AsyncClient(transport=ASGITransport(app), base_url="http://pages")


async def test_a_page_speaks_the_language_of_the_browser_and_formats_by_it(client: AsyncClient) -> None:
    chinese = (await client.get("/page", headers={"accept-language": "zh-Hans-CN,en;q=0.5"})).text
    english = (await client.get("/page", headers={"accept-language": "en-GB"})).text
    assert "&lt;Li&gt;，您好" in chinese
    assert "¥1,234.50 2026年3月4日 12:05" in chinese
    assert "CN¥1,234.50 4 Mar 2026, 12:05" in english
    assert '<html lang="en">' in english


async def test_a_language_once_chosen_stays_and_beats_what_the_page_would_prefer(client: AsyncClient) -> None:
    assert "Hello" in (await client.get("/page?prefer=en-US", headers={"accept-language": "zh"})).text
    assert "您好" in (await client.get("/page?prefer=en&lang=zh-CN", headers={"accept-language": "en"})).text
    assert "您好" in (await client.get("/page?prefer=en", headers={"accept-language": "en"})).text


async def test_the_switch_keeps_the_rest_of_the_address(client: AsyncClient) -> None:
    assert 'href="?prefer=en&amp;lang=zh-CN"' in (await client.get("/page?prefer=en&lang=en")).text


async def test_a_name_that_nobody_gave_is_an_error_and_no_blank(client: AsyncClient) -> None:
    with pytest.raises(UndefinedError):
        await client.get("/broken")


async def test_an_address_that_may_hold_a_token_goes_to_no_other_site(client: AsyncClient) -> None:
    headers = (await client.get("/page")).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


async def test_the_shared_style_sheet_is_served(client: AsyncClient) -> None:
    answer = await client.get("/static/tokens.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "--accent" in answer.text


def test_a_phrase_that_one_language_lacks_is_found_at_start(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[a]\nb = "x"\nc = "y"', "utf-8")
    (tmp_path / "zh-CN.toml").write_text('[a]\nb = "x"', "utf-8")
    with pytest.raises(ValueError, match=r"a\.c"):
        load_phrases(tmp_path)


def test_figures_in_words() -> None:
    assert money(Decimal("0.1"), "CNY", "zh-CN") == "¥0.10"
    assert day(date(2026, 3, 4), "zh-CN") == "2026年3月4日"
    assert day(date(2026, 3, 4), "en") == "4 March 2026"
    assert instant(NOON, "Asia/Urumqi", "en") == "4 Mar 2026, 10:05"
