"""A SOFT rule is lifted by a reason that somebody can read, and by nothing else that is sent in its place."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from services.kit.problem import install_problems
from services.notifier.api.commands import OVERRIDES_MAX, ConsentTold, ContactAsked

CALL = {"borrower_id": "B-1", "channel": "voice", "proposed_by": "officer-7"}
BLANK = ["", " ", "\t\n", "\u00a0", "\u200b", "\u2800", "\u3164", "\ufeff", "...", "\x00\x01"]


@pytest.mark.parametrize("why", BLANK, ids=ascii)
def test_a_reason_without_a_word_lifts_no_rule(why: str) -> None:
    with pytest.raises(ValidationError, match="a reason needs words"):
        ContactAsked.model_validate({**CALL, "overrides": {"CN-FREQ-03": why}})


@pytest.mark.parametrize("why", ["the borrower asked to be called back", "借款人要求回电", "12"])
def test_a_reason_in_words_is_taken_as_it_is(why: str) -> None:
    asked = ContactAsked.model_validate({**CALL, "overrides": {"CN-FREQ-03": why}})
    assert asked.overrides == {"CN-FREQ-03": why}


@pytest.mark.parametrize("evidence", BLANK, ids=ascii)
def test_a_consent_needs_evidence_that_can_be_found_again(evidence: str) -> None:
    with pytest.raises(ValidationError, match="a reason needs words"):
        ConsentTold.model_validate({"kind": "channel", "evidence": evidence})


@pytest.mark.parametrize(
    "overrides",
    [
        {f"CN-X-{n}": "a reason" for n in range(OVERRIDES_MAX + 1)},
        {"": "a reason"},
        {"a b": "a reason"},
        {"CN\x00": "a reason"},
        {"X" * 121: "a reason"},
        {"CN-FREQ-03": "a" * 501},
    ],
    ids=["too many", "no rule", "a blank", "a control character", "a long rule", "a long reason"],
)
def test_overrides_that_no_pack_could_have_are_refused(overrides: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="overrides"):
        ContactAsked.model_validate({**CALL, "overrides": overrides})


async def sent(body: dict[str, Any]) -> httpx.Response:
    api = FastAPI()
    install_problems(api)

    @api.post("/contacts")
    def contacts(asked: ContactAsked) -> str:
        return asked.model_dump_json()

    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://notifier") as client:
        headers = {"content-type": "application/json"}
        return await client.post("/contacts", content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    "changes",
    [
        {"overrides": {"CN-FREQ-03": "half \ud800"}},
        {"overrides": {"CN-\ud800": "a reason"}},
        {"contact_source": "\ud800"},
        {"\ud800": 1},
    ],
    ids=ascii,
)
async def test_half_a_character_is_the_callers_mistake_not_ours(changes: dict[str, Any]) -> None:
    answer = await sent({**CALL, **changes})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_many_mistakes_are_not_all_told() -> None:
    answer = await sent({**CALL, "overrides": {f"a {n}": "" for n in range(50_000)}})
    assert answer.status_code == 422
    assert len(answer.content) < 10_000
