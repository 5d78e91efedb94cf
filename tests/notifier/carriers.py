"""Carriers for tests: a real SMPP server and a real SMTP server in this process, on free ports of the loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import smpp34
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def until(done: Callable[[], Any], seconds: float = 15.0) -> Any:
    """Wait until `done` answers something true, and answer that."""
    async with asyncio.timeout(seconds):
        while not (answer := done()):
            await asyncio.sleep(0.01)
        return answer


async def freely() -> None:
    """Nothing holds a message back in the instant before it leaves."""


@dataclass
class Short:
    """An SMS as the carrier got it."""

    to: str
    text: str
    coding: int
    reference: str
    as_payload: bool


@dataclass
class SmsCarrier:
    """An SMSC. `decide` looks at a message and accepts (None) or rejects it (a command status)."""

    port: int
    decide: Callable[[Short], int | None] = lambda _short: None
    silent: bool = False
    got: list[Short] = field(default_factory=list)
    sessions: list[Any] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)

    async def serve(self, server: smpp34.Server) -> None:
        """Take what comes, for ever."""
        while True:
            event = await server.next()
            if isinstance(event, smpp34.Esme):
                self.sessions.append(event)
            elif isinstance(event, smpp34.SubmitSmEvent):
                self._take(event)

    def _take(self, event: Any) -> None:
        payload = next((tlv.value for tlv in event.tlvs if tlv.tag == smpp34.TLV_MESSAGE_PAYLOAD), None)
        octets = payload if payload is not None else event.short_message
        text = octets.decode("utf-16-be" if event.data_coding == 8 else "latin-1")
        short = Short(event.destination_addr, text, event.data_coding, f"R{len(self.got) + 1}", payload is not None)
        self.got.append(short)
        if self.silent:
            self.held.append(event)  # a dropped event would be answered with an error
        elif (status := self.decide(short)) is None:
            event.accept(short.reference)
        else:
            event.reject(status)

    async def receipt(self, reference: str, *, state: int | None = 2, text: str = "") -> Any:
        """Deliver a receipt, by parameters or, without a state, by its text alone."""
        tlvs = (
            []
            if state is None
            else [
                smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, reference.encode() + b"\0"),
                smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, bytes([state])),
            ]
        )
        return await self.sessions[-1].deliver_sm("lender", text.encode(), esm_class=0x04, tlvs=tlvs)


@contextlib.asynccontextmanager
async def sms_carrier(port: int = 0, kind: type[SmsCarrier] = SmsCarrier, **options: Any) -> AsyncIterator[SmsCarrier]:
    """A running SMSC."""
    carrier = kind(port or free_port(), **options)
    server = smpp34.Server("127.0.0.1", carrier.port, system_id="SMSC")
    await server.start()
    serving = asyncio.create_task(carrier.serve(server))
    try:
        yield carrier
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await server.stop()


@dataclass
class MailServer:
    """An SMTP server. `at_rcpt` and `at_data` are its replies; `hangs_up` drops the line within DATA."""

    port: int
    at_rcpt: str = ""
    at_data: str = "250 OK"
    hangs_up: bool = False
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _o: list[str]) -> str:
        """Take a recipient, or not."""
        if self.at_rcpt:
            return self.at_rcpt
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail, or not."""
        if self.hangs_up and server.transport:
            server.transport.abort()
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)
        if self.at_data.startswith("250"):
            self.mails.append(mail)  # type: ignore[arg-type]
        return self.at_data


@contextlib.contextmanager
def mail_server(kind: type[MailServer] = MailServer, **options: Any) -> Iterator[MailServer]:
    """A running SMTP server."""
    server = kind(free_port(), **options)
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
