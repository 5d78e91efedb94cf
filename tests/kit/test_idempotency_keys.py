"""A person's idempotency key becomes an attribute of what is said because of it, and that must be readable."""

from datetime import UTC, datetime
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Header

from schemas.contacts import ContactStopRequested
from schemas.envelope import Event, read_structured
from services.kit.fold import command
from services.kit.problem import install_problems
from services.kit.service import Unfit

MONDAY = datetime(2026, 3, 2, 2, tzinfo=UTC)
CONTROL = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))]


def said_because_of(key: str) -> Event[ContactStopRequested]:
    fact = ContactStopRequested(request_id="R-1", borrower_id="B-1", requested_at=MONDAY, via="officer")
    cause = command("notifier", key, MONDAY)
    return Event.saying(  # type: ignore[return-value]
        fact, id="e-1", source="/x", time=MONDAY, causationid=cause.id, correlationid=cause.correlation
    )


@pytest.mark.parametrize("sign", [*CONTROL, "\ud800"], ids=ascii)
def test_a_key_that_no_envelope_may_hold_is_refused(sign: str) -> None:
    with pytest.raises(Unfit, match="no control character"):
        command("notifier", f"http/a{sign}b", MONDAY)


@pytest.mark.parametrize("key", ["", "a b", "é", "王", "\U0001f600", *map(chr, range(0xA0, 0x100))], ids=ascii)
def test_whatever_key_is_taken_what_is_said_because_of_it_can_be_read(key: str) -> None:
    said = said_because_of(f"http/{key}")
    assert read_structured(said.to_json()).causationid == said.causationid


async def test_whoever_sends_such_a_key_is_told_what_is_wrong_with_it() -> None:
    api = FastAPI()
    install_problems(api)

    @api.post("/answers")
    def answers(idempotency_key: Annotated[str, Header()]) -> str:
        return command("notifier", f"http/{idempotency_key}", MONDAY).id

    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="https://notifier") as client:
        answer = await client.post("/answers", headers={"Idempotency-Key": "a\tb"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "an idempotency key holds no control character, like a tab or a line break"
