"""Robot calls and app messages through an HTTP gateway of the house's choice: one small contract, an idempotency key.

    POST {base}/messages   Idempotency-Key: <contact id>   {id, kind, to, language, greeting, text, record}
        2xx {"reference": …} taken · 425 429 503 try later · 408 and other 5xx: who knows · else: not taken, ever
    GET  {base}/messages/{contact id}     2xx {"reference": …} taken · 404 never seen

A gateway must answer the same key with the same reference and act on it once. So a line that breaks after the message
was sent is not the end: the gateway is asked what it knows, for some seconds. What became of a message it tells at
`POST /carriers/<kind>/receipts` (docs/how-to/gateways.md). Both sides show the same bearer token.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Literal

import httpx
import structlog

from services.notifier.channels import Accepted, Channel, ChannelDown, Leaving, Message, Refused, Submission, Unknown

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
ASK_AGAIN_SECONDS = (0.2, 1.0, 3.0)
TRY_LATER = frozenset({425, 429, 503})
REQUEST_TIMEOUT = 408
NOTHING_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
REFERENCE_MAX = 200


class PerhapsTaken(ChannelDown):
    """The gateway does not know the message yet, but it may still be on its way there: only the same key may follow."""


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """Where a gateway listens, what it is asked to do, and the token that both sides show."""

    base: str
    kind: Literal["voice", "push"]
    token: str


class Gateway:
    """A channel behind an HTTP gateway. Calls are recorded whole, and tell of a debt only after the greeting."""

    def __init__(self, address: GatewayAddress, window: int = 50) -> None:
        self.window = window
        self._address = address
        self._http = httpx.AsyncClient(
            base_url=address.base,
            headers={"authorization": f"Bearer {address.token}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=window),
        )

    async def open(self) -> None:
        """Nothing to do: each connection is made when it is first needed."""

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    def ready(self) -> bool:
        """Always; whether the gateway answers is found out by submitting."""
        return True

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message. Raises ChannelDown when it was not taken and the same may be handed in again."""
        body = json.dumps(self._body(message), ensure_ascii=False).encode()
        headers = {
            "idempotency-key": message.contact_id,
            "content-type": "application/json",
            "content-length": str(len(body)),
        }
        try:
            answer = await self._http.post("messages", content=_when_it_may(body, leaving), headers=headers)
        except NOTHING_LEFT as error:
            raise ChannelDown(f"{self._address.kind} gateway: {type(error).__name__}") from None
        except httpx.TransportError as error:
            log.info("gateway_line_broke", kind=self._address.kind, reason=type(error).__name__)
            return await self._what_it_knows(message.contact_id)
        if answer.status_code in TRY_LATER:
            raise ChannelDown(f"{self._address.kind} gateway: {answer.status_code}")
        if answer.is_server_error or answer.status_code == REQUEST_TIMEOUT:
            return await self._what_it_knows(message.contact_id)
        return self._outcome(answer)

    def _body(self, message: Message) -> dict[str, object]:
        said = {"id": message.contact_id, "kind": self._address.kind, "to": message.to, "language": message.language}
        return said | {"greeting": message.greeting, "text": message.text, "record": self._address.kind == "voice"}

    def _outcome(self, answer: httpx.Response) -> Submission:
        if answer.is_success:
            return self._accepted(answer) if _reference(answer) else Unknown("the gateway gave no reference")
        return Refused(f"{self._address.kind} gateway: {answer.status_code}")

    def _accepted(self, answer: httpx.Response) -> Accepted:
        return Accepted(own_reference(self._address.kind, _reference(answer)))

    async def _what_it_knows(self, contact_id: str) -> Submission:
        """Ask for the message by its key, for some seconds. Raises PerhapsTaken when it has never been seen."""
        unseen = False
        for seconds in ASK_AGAIN_SECONDS:
            await asyncio.sleep(seconds)
            found = await _or_none(self._http.get(f"messages/{contact_id}"))
            if found is not None and found.is_success and _reference(found):
                return self._accepted(found)
            unseen = found is not None and found.status_code == httpx.codes.NOT_FOUND
        if unseen:
            raise PerhapsTaken(f"{self._address.kind} gateway: it failed, and has not seen the message")
        return Unknown(f"{self._address.kind} gateway: it failed, and does not say what it knows")


async def _when_it_may(body: bytes, leaving: Leaving) -> AsyncIterator[bytes]:
    """The body, asked for once the line stands: before it a gateway has a key and nothing to act on."""
    await leaving()
    yield body


def own_reference(kind: str, reference: str) -> str:
    """A gateway's reference as we keep it: no other carrier's can be the same."""
    return f"{kind}:{reference}"


async def _or_none(asked: Awaitable[httpx.Response]) -> httpx.Response | None:
    try:
        return await asked
    except httpx.TransportError:
        return None


def _reference(answer: httpx.Response) -> str:
    """What the gateway will call the message by; "" where it says nothing readable."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    return str(said.get("reference", ""))[:REFERENCE_MAX] if isinstance(said, dict) else ""


class AppFirst:
    """Short messages: to the lender's app where the person has it on that number, else by SMS; never both.

    Only what the app's gateway has certainly not taken goes by SMS.
    """

    def __init__(self, app: Channel, sms: Channel) -> None:
        self._app, self._sms = app, sms
        self.window = sms.window

    async def open(self) -> None:
        """Begin to connect."""
        await self._app.open()
        await self._sms.open()

    async def close(self) -> None:
        """Let go of both."""
        await self._app.close()
        await self._sms.close()

    def ready(self) -> bool:
        """As far as SMS is: most people have no app."""
        return self._sms.ready()

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message. Raises ChannelDown when neither has taken it. Each asks `leaving` for itself."""
        try:
            outcome = await self._app.submit(message, leaving)
        except PerhapsTaken as perhaps:
            return Unknown(str(perhaps))
        except ChannelDown:
            return await self._sms.submit(message, leaving)
        return await self._sms.submit(message, leaving) if isinstance(outcome, Refused) else outcome
