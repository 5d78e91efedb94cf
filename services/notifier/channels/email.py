"""E-mail over SMTP: text and HTML in one message, a few connections kept open, each step watched.

The steps are driven one by one because only `DATA` may leave the house: a connection lost before it has sent nothing,
a connection lost within it may have.
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
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected, SMTPTimeoutError

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Submission, Unknown

log = structlog.get_logger(__name__)

CONNECTIONS = 4
STEP_SECONDS = 15.0
ADDRESS = re.compile(r"[!-~]+@[!-~]+\.[!-~]+")
PERMANENT = 500  # replies from here on are final (RFC 5321, 4.2.1)


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

    async def submit(self, message: Message) -> Submission:
        """Hand over one message. Raises ChannelDown when nothing has left."""
        try:
            mail = as_mail(self._address.sender, message)
            content = mail.as_bytes(policy=SMTP_POLICY)
        except ValueError as error:  # an address that no mail system would read, or a text that none can carry
            return Refused(f"SMTP: not a mail address ({type(error).__name__})")
        client = await self._idle.get()
        outcome: Submission | None = None
        try:
            outcome = await self._hand_over(client, message.to, content, str(mail["Message-ID"]))
            return outcome
        finally:
            if not isinstance(outcome, Accepted):  # a transaction cut short is not carried over
                client.close()
            self._idle.put_nowait(client)

    async def _hand_over(self, client: aiosmtplib.SMTP, to: str, content: bytes, reference: str) -> Submission:
        refusal = await self._envelope(client, to)
        return refusal or await _content(client, content, reference)

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


async def _content(client: aiosmtplib.SMTP, content: bytes, reference: str) -> Submission:
    try:
        await client.data(content)
    except SMTPResponseException as reply:
        if reply.code >= PERMANENT:
            return Refused(_say(reply))
        raise ChannelDown(_say(reply)) from None
    except (SMTPTimeoutError, SMTPException, OSError) as error:
        return Unknown(f"SMTP: {type(error).__name__} within DATA")
    return Accepted(reference)


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


def _say(reply: SMTPResponseException) -> str:
    return f"SMTP: {reply.code}"  # the text may name the address
