"""A simulated mail provider: an SMTP server that takes mail for those it knows and refuses it for the others."""

import asyncio
from collections.abc import Callable
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.stories import Fate

TAKEN, NO_SUCH_USER = "250 OK", "550 5.1.1 No such user"

Took = Callable[[str, str, str], None]
"""Called with address, text and Message-ID of a mail that reached its box."""


class MailServer:
    """The provider. `fate` knows what becomes of mail to an address."""

    def __init__(self, host: str, port: int, fate: Callable[[str], Fate], took: Took) -> None:
        self._host, self._port = host, port
        self._fate, self._took = fate, took

    async def serve(self) -> None:
        """Listen for ever."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(self, hostname="mail.example.com", ident="simulated", loop=loop), self._host, self._port
        )
        async with server:
            await server.serve_forever()

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take or refuse a recipient."""
        if self._fate(address) == "failed":
            return NO_SUCH_USER
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Put the mail into the boxes."""
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        body = mail.get_body(("plain",))
        text = body.get_content() if body else ""
        for address in envelope.rcpt_tos:
            if self._fate(address) != "silent":
                self._took(address, text, str(mail["Message-ID"] or ""))
        return TAKEN
