"""E-mail over SMTP: text and HTML in one message, a few connections kept open, each step watched.

The steps are driven one by one because only the content after `DATA` leaves the house: a connection lost before it has
sent nothing, a connection lost within it may have. Whether it may still go is asked when the server waits for it; a
content that does not come is no mail (RFC 5321, 4.1.1.4).
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import localtime, parseaddr
from urllib.parse import quote

import aiosmtplib
import structlog
from aiosmtplib import SMTPException, SMTPResponse, SMTPResponseException, SMTPServerDisconnected

from services.notifier.channels import Accepted, ChannelDown, Leaving, Message, Refused, Submission, Unknown

log = structlog.get_logger(__name__)

CONNECTIONS = 4
STEP_SECONDS = 15.0
ADDRESS = re.compile(r"[!-~]+@[!-~]+\.[!-~]+")
GO_ON, TAKEN = 354, 250  # replies to DATA and to the content (RFC 5321, 4.2.3)
PERMANENT = 500  # replies from here on are final (RFC 5321, 4.2.1)
LINE_END = re.compile(rb"\r\n|\r|\n")
DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class SmtpAddress:
    """Where the mail server listens and in whose name we write: `sender` as `Name <address>`."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = ""


class Email:
    """The e-mail channel. A reply of 250 after DATA is Accepted; the Message-ID derives from the contact id."""

    window = 16

    def __init__(self, address: SmtpAddress) -> None:
        self._address = address
        self._idle: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
        self._clients: list[aiosmtplib.SMTP] = []

    async def open(self) -> None:
        """Make the connections' handles; each connects when it is first needed."""
        for _ in range(CONNECTIONS):
            client = aiosmtplib.SMTP(
                hostname=self._address.host,
                port=self._address.port,
                timeout=STEP_SECONDS,
                username=self._address.username or None,
                password=self._address.password or None,
            )
            self._clients.append(client)
            self._idle.put_nowait(client)

    async def close(self) -> None:
        """Drop all connections."""
        for client in self._clients:
            with contextlib.suppress(SMTPException, OSError):
                client.close()

    def ready(self) -> bool:
        """Always; whether the server answers is found out by submitting."""
        return True

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message. Raises ChannelDown when nothing has left, and what `leaving` raises."""
        try:
            mail = as_mail(self._address.sender, message)
            content = mail.as_bytes(policy=SMTP_POLICY)
        except ValueError as error:  # an address that no mail system would read, or a text that none can carry
            return Refused(f"SMTP: not a mail address ({type(error).__name__})")
        client = await self._idle.get()
        outcome: Submission | None = None
        try:
            outcome = await self._envelope(client, message.to) or await _content(client, content, leaving)
            return Accepted(str(mail["Message-ID"])) if outcome is None else outcome
        finally:
            if not isinstance(outcome, Accepted):  # a transaction cut short is not carried over
                client.close()
            self._idle.put_nowait(client)

    async def _envelope(self, client: aiosmtplib.SMTP, to: str) -> Refused | None:
        """MAIL and RCPT. A connection that died while idle is opened again once. Nothing has left yet."""
        try:
            try:
                await self._sender(client)
            except SMTPServerDisconnected:
                client.close()
                await self._sender(client)
            await client.rcpt(to)
        except SMTPResponseException as reply:
            if reply.code >= PERMANENT:
                return Refused(_say(reply))
            raise ChannelDown(_say(reply)) from None
        except (SMTPException, OSError) as error:
            raise ChannelDown(f"SMTP: {error}") from None
        return None

    async def _sender(self, client: aiosmtplib.SMTP) -> None:
        if not client.is_connected:
            await client.connect()
        await client.mail(parseaddr(self._address.sender)[1])


async def _content(client: aiosmtplib.SMTP, content: bytes, leaving: Leaving) -> Submission | None:
    """DATA and what follows; None: taken. The answer to DATA may be long in coming: the fence is looked at after it."""
    if refusal := await _announced(client):
        return refusal
    await leaving()
    line = client.protocol
    try:
        if line is None:
            raise SMTPServerDisconnected("the line was lost")
        line.write(as_content(content))
    except (SMTPException, OSError) as error:
        raise ChannelDown(f"SMTP: {error}") from None
    try:
        return _judged(await line.read_response(timeout=STEP_SECONDS), TAKEN)
    except (SMTPException, OSError) as error:
        return Unknown(f"SMTP: {type(error).__name__} within DATA")


async def _announced(client: aiosmtplib.SMTP) -> Refused | None:
    try:
        return _judged(await client.execute_command(b"DATA"), GO_ON)
    except (SMTPException, OSError) as error:
        raise ChannelDown(f"SMTP: {error}") from None


def _judged(reply: SMTPResponse, wanted: int) -> Refused | None:
    """Nothing where the server says what was wanted. Raises ChannelDown where it says that it cannot now."""
    if reply.code == wanted:
        return None
    if reply.code >= PERMANENT:
        return Refused(_say(reply))
    raise ChannelDown(_say(reply))


def as_content(mail: bytes) -> bytes:
    """A mail as it follows DATA: lines end in CRLF, a leading dot is doubled, a lone one ends it (RFC 5321, 4.5.2)."""
    lines = LINE_END.sub(b"\r\n", mail)
    whole = lines if lines.endswith(b"\r\n") else lines + b"\r\n"
    return DOT.sub(b"..", whole) + b".\r\n"


def as_mail(sender: str, message: Message) -> EmailMessage:
    """The MIME message. Raises ValueError for an address that cannot be one."""
    if not ADDRESS.fullmatch(message.to):
        raise ValueError("not an address")
    name, address = parseaddr(sender)
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = Address(name, addr_spec=address)
    mail["To"] = Address(addr_spec=message.to)
    mail["Subject"] = message.subject
    mail["Message-ID"] = f"<{_local(message.contact_id)}@{address.partition('@')[2]}>"
    mail["Date"] = localtime()
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies, please
    mail["Content-Language"] = message.language
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def _local(contact_id: str) -> str:
    """The contact id as the left side of a Message-ID (RFC 5322, 3.6.4): any id, in ASCII, without dots that touch."""
    return quote(contact_id, safe="").replace(".", "%2E")


def _say(reply: SMTPResponse | SMTPResponseException) -> str:
    return f"SMTP: {reply.code}"  # the text may name the address
