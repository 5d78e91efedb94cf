"""A simulated gateway for robot calls, by the contract of docs/how-to/gateways.md: each key is called once, and told.

What it took stands in a file before it is acknowledged, so that one that was killed calls nobody a second time.
"""

import asyncio
import contextlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict

from deploy.local.agenda import Agenda
from deploy.local.caller import Caller
from deploy.local.chance import wait
from deploy.local.messages import Took
from deploy.local.outsider import Surroundings
from deploy.local.stories import Fate
from services.kit.clock import Clock

FILE = "calls.jsonl"
_RINGS = (0.02, 0.5)
Token = Annotated[str, Header()]

log = logging.getLogger(__name__)


class CallAsked(BaseModel):
    """What notifier asks for. `greeting` tells nobody of a debt; `text` is for who has said who they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Literal["voice"]
    to: str
    language: str
    greeting: str
    text: str
    record: Literal[True]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was taken, under our reference."""

    key: str
    reference: str
    to: str
    text: str


@dataclass(frozen=True, slots=True)
class Lender:
    """Where receipts go, and the token that both sides show."""

    caller: Caller
    receipts: str
    token: str

    async def tell(self, call: Call, *, answered: bool) -> bool:
        """Tell what became of a call; whether that was taken."""
        receipt = {"reference": call.reference, "fate": "delivered" if answered else "failed", "detail": ""}
        answer = await self.caller.post(
            self.receipts, key=f"receipt-{call.key}", token=self.token, json={"receipts": [receipt]}
        )
        if answer.is_error:
            log.warning("the receipt of %s was not taken: %d %s", call.key, answer.status_code, answer.text[:200])
        return not answer.is_error


class CallCentre:
    """The gateway. `fate` knows whether a number is answered; `took` hears of each call that was."""

    def __init__(self, folder: Path, lender: Lender, clock: Clock, fate: Callable[[str], Fate], took: Took) -> None:
        self._file, self._lender, self._clock = folder / FILE, lender, clock
        self._fate, self._took = fate, took
        self._calls: dict[str, Call] = {}
        self._agenda: Agenda[Call] = Agenda(clock)
        self._remember()

    @classmethod
    def of(cls, around: Surroundings, fate: Callable[[str], Fate], took: Took, caller: Caller) -> "CallCentre":
        """The gateway that the settings name."""
        receipts = f"{around.urls['notifier']}/carriers/voice/receipts"
        lender = Lender(caller, receipts, around.environment["ARREARS_GATEWAY_TOKEN"])
        return cls(around.folder("ARREARS_PRINT_DIR"), lender, around.clock, fate, took)

    def _remember(self) -> None:
        """Take up what was taken and not yet told of."""
        told: set[str] = set()
        for line in self._file.read_text("utf-8").splitlines() if self._file.exists() else ():
            note = json.loads(line)
            if "told" in note:
                told.add(note["told"])
            else:
                self._calls[note["key"]] = Call(**note)
        for call in self._calls.values():
            if call.key not in told:
                self._plan(call)

    def _note(self, **note: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(note, ensure_ascii=False) + "\n")

    def _plan(self, call: Call) -> None:
        if self._fate(call.to) != "silent":
            self._agenda.put(self._clock.now() + wait(_RINGS, call.key, "rings"), call)

    def take(self, key: str, asked: CallAsked) -> str:
        """The reference of a call; one that was asked for before is not made again."""
        if key not in self._calls:
            self._calls[key] = Call(key, f"CALL-{key}", asked.to, f"{asked.greeting} {asked.text}")
            self._note(**asdict(self._calls[key]))
            self._plan(self._calls[key])
        return self._calls[key].reference

    def reference(self, key: str) -> str | None:
        """What it calls the call of a key; None where it has never seen it."""
        return self._calls[key].reference if key in self._calls else None

    async def ring(self) -> None:
        """Make the calls when their time has come, and tell what became of each, for ever."""
        while True:
            for _, call in self._agenda.due():
                await self._made(call)
            await self._agenda.rest()

    async def _made(self, call: Call) -> None:
        answered = self._fate(call.to) == "delivered"
        if await self._lender.tell(call, answered=answered):
            self._note(told=call.key)
            if answered:
                self._took(call.to, call.text, call.reference)

    async def serve(self, base: str) -> None:
        """Answer at this address until cancelled; its sockets are closed then."""
        server = _Server(self._told(base))
        serving = asyncio.create_task(server.serve())
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving

    def _told(self, base: str) -> uvicorn.Config:
        at, seconds = urlsplit(base), 1
        host, port = str(at.hostname), int(at.port or 0)
        return uvicorn.Config(
            self.api(), host, port, log_config=None, lifespan="off", timeout_graceful_shutdown=seconds
        )

    def api(self) -> FastAPI:
        """The two requests of the contract; both need the token."""
        app = FastAPI(openapi_url=None)

        @app.post("/messages", status_code=202)
        async def take(asked: CallAsked, idempotency_key: Annotated[str, Header()], authorization: Token = "") -> Any:
            """Take a call."""
            self._check(authorization)
            return {"reference": self.take(idempotency_key, asked)}

        @app.get("/messages/{key}")
        async def known(key: str, authorization: Token = "") -> Any:
            """Say what is known of a call."""
            self._check(authorization)
            reference = self.reference(key)
            return {"reference": reference} if reference else Response(status_code=404)

        return app

    def _check(self, authorization: str) -> None:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._lender.token}".encode()):
            raise HTTPException(401, "the token is missing or wrong")


class _Server(uvicorn.Server):
    """One whose process has an end of its own for signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave them alone."""
        yield
