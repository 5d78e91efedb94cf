"""What the page for agencies and officers names is there, and the page is found."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from services.notifier.api import api
from services.notifier.api.asking import Running
from services.notifier.api.commands import ContactAsked, OutcomeTold
from tests.notifier.edge import settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/contacts.md").read_text("utf-8")
ROUTES = api(cast(Running, None), settings=settings()).openapi()["paths"]
NAMED = re.findall(r"`(GET|POST) (/[^`]+)`", PAGE)
BODIES: list[tuple[str, type[BaseModel]]] = [("borrower_id", ContactAsked), ("outcome", OutcomeTold)]


def plain(path: str) -> str:
    """A path whatever its parts that vary are called."""
    return re.sub(r"[<{][^>}]*[>}]", "*", path)


@pytest.mark.parametrize(("method", "path"), NAMED)
def test_every_request_that_the_page_names_is_answered(method: str, path: str) -> None:
    found: dict[str, Any] = next((route for each, route in ROUTES.items() if plain(each) == plain(path)), {})
    assert method.lower() in found


@pytest.mark.parametrize(("first", "body"), BODIES)
def test_every_example_of_the_page_can_be_sent_as_it_stands(first: str, body: type[BaseModel]) -> None:
    (example,) = [text for text in re.findall(r"-d '(.*)'", PAGE) if text.startswith(f'{{"{first}"')]
    assert body.model_validate(json.loads(example))


def test_the_page_tells_how_to_ask_and_to_look() -> None:
    wanted = {"/contacts", "/cases/*/ledger", "/notices/unknown", "/api/templates", "/contacts/*/outcome"}
    assert wanted <= {plain(path) for _, path in NAMED}
    assert {"`/templates`", "`/unknown`"} <= set(re.findall(r"`/\w+`", PAGE))


@pytest.mark.parametrize(
    ("place", "link"), [("README.md", "docs/how-to/contacts.md"), ("docs/README.md", "how-to/contacts.md")]
)
def test_the_page_is_found_where_people_begin(place: str, link: str) -> None:
    assert f"]({link})" in (ROOT / place).read_text("utf-8")
