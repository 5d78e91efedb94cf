"""The front door of a service says what can be read and done there, without a word from elsewhere."""

import re

from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.kit.pages.index import mount_index


def small() -> FastAPI:
    app = FastAPI(title="Arrears: small")
    mount_index(app)

    @app.get("/loans")
    def listed(state: str = "") -> list[str]:
        """All <loans>."""
        return [state]

    @app.get("/loans/{loan_id}")
    def one(loan_id: str) -> str:
        """One loan."""
        return loan_id

    @app.post("/loans")
    def take() -> None:
        """Take a loan in."""

    return app


async def test_everything_that_can_be_asked_is_named_and_what_a_browser_can_open_is_a_link() -> None:
    async with AsyncClient(transport=ASGITransport(small()), base_url="http://small") as client:
        page = (await client.get("/", headers={"accept-language": "en"})).text
        links = re.findall(r'href="(/[^"]*)"', page)
        assert [part in page for part in ("All &lt;loans&gt;.", "One loan.", "Take a loan in.")] == [True] * 3
        assert [link for link in links if link.startswith("/loans")] == ["/loans"]
        for sheet in [link for link in links if link.startswith("/static")]:
            assert (await client.get(sheet)).headers["content-type"].startswith("text/css")


async def test_it_needs_nothing_from_elsewhere_and_speaks_both_languages() -> None:
    async with AsyncClient(transport=ASGITransport(small()), base_url="http://small") as client:
        answer = await client.get("/", headers={"accept-language": "zh-CN"})
    assert "此服务可查询与办理的事项" in answer.text
    assert "//" not in re.sub(r"<!doctype html>", "", answer.text)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
