"""A form on somebody else's page must not act for whoever is signed on in the same browser."""

import httpx
import pytest
from fastapi import FastAPI

from services.kit.web import Door, Health, WebThread, listen


@pytest.fixture
def browser():
    behind = FastAPI()
    behind.add_api_route("/cases/C-1/recall", lambda: "recalled", methods=["GET", "POST"])
    web = WebThread(Door("assignment", lambda: Health("ready", "assignment"), behind), listen("127.0.0.1", 0)).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{web.port}") as client:
        yield client
    web.stop()


def test_a_change_that_another_site_asks_for_is_not_made(browser):
    answer = browser.post("/cases/C-1/recall", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


@pytest.mark.parametrize("site", ["same-origin", "none", "same-site"])
def test_our_own_pages_act(browser, site):
    assert browser.post("/cases/C-1/recall", headers={"Sec-Fetch-Site": site}).status_code == 200


def test_machines_and_mere_looks_are_not_meant(browser):
    assert browser.post("/cases/C-1/recall").status_code == 200
    assert browser.get("/cases/C-1/recall", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
