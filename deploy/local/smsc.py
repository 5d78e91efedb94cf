"""A simulated SMS carrier: an SMPP 3.4 server that delivers, fails, and stays silent.

Whether a number takes a message is asked of `fate`; what was taken is handed to `took`. Receipts go out as deliver_sm,
in both forms that carriers use: the text of appendix B and the optional parameters.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import smpp34
from smpplib.gsm import GSM_CHARACTER_TABLE

from deploy.local.agenda import Agenda
from deploy.local.chance import luck, wait
from deploy.local.stories import Fate
from services.kit.clock import Clock

UCS2, ESCAPE, RECEIPT = 0x08, 0x1B, 0x04
INVALID_DESTINATION = 0x0B
MESSAGE_PAYLOAD, RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x0424, 0x001E, 0x0427
_REFUSED_SHARE, _SLOW_SHARE = 0.5, 0.12
_SOON, _LATER = (0.01, 0.2), (1.0, 8.0)
_STATES: dict[bool, tuple[str, bytes, str]] = {True: ("DELIVRD", b"\x02", "000"), False: ("UNDELIV", b"\x05", "005")}
_RETRY = timedelta(minutes=30)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is to be told to whoever sent a message. Numbers as they stood in the message."""

    reference: str
    session_id: str
    sender: str
    recipient: str
    submitted_at: datetime
    delivered: bool


Took = Callable[[str, str, str], None]
"""Called with number, text and reference of a message that reached its phone."""


class SmsCarrier:
    """The carrier. `fate` knows what becomes of messages to a number in international form, like +86…"""

    def __init__(self, host: str, port: int, clock: Clock, fate: Callable[[str], Fate], took: Took) -> None:
        self._server = smpp34.Server(host, port, system_id="carrier", inbound_capacity=1000)
        self._clock, self._fate, self._took = clock, fate, took
        self._sessions: dict[str, smpp34.Esme] = {}
        self._agenda: Agenda[Receipt] = Agenda(clock)

    async def serve(self) -> None:
        """Listen, and answer every message."""
        await self._server.start()
        while True:
            event = await self._server.next()
            if isinstance(event, smpp34.Esme):
                self._sessions[event.session_id] = event
            elif isinstance(event, smpp34.Unbound):
                self._sessions.pop(event.session_id, None)
            else:
                self._take(event)

    def _take(self, message: smpp34.SubmitSmEvent) -> None:
        number, reference = f"+{message.destination_addr.lstrip('+')}", secrets.token_hex(8)
        fate = self._fate(number)
        if fate == "failed" and luck(number, "refused") < _REFUSED_SHARE:
            return message.reject(INVALID_DESTINATION)
        message.accept(reference)
        if fate != "failed":
            self._took(number, text_of(message), reference)
        if fate != "silent" and message.registered_delivery:
            self._promise_receipt(message, reference, fate == "delivered")

    def _promise_receipt(self, message: smpp34.SubmitSmEvent, reference: str, delivered: bool) -> None:
        now, slow = self._clock.now(), luck(reference, "slow") < _SLOW_SHARE
        receipt = Receipt(reference, message.session_id, message.source_addr, message.destination_addr, now, delivered)
        self._agenda.put(now + wait(_LATER if slow else _SOON, reference), receipt)

    async def deliver(self) -> None:
        """Send receipts when they are due; what nobody takes is offered again later."""
        while True:
            for _, receipt in self._agenda.due():
                if not await self._delivered(receipt):
                    self._agenda.put(self._clock.now() + _RETRY, receipt)
            await self._agenda.rest()

    async def _delivered(self, receipt: Receipt) -> bool:
        able = [session for session in self._sessions.values() if session.can_receive]
        own = [session for session in able if session.session_id == receipt.session_id]
        for session in (own or able)[:1]:
            try:
                response = await session.deliver_sm(
                    receipt.sender,
                    _appendix_b(receipt, self._clock.now()),
                    source_addr=receipt.recipient,
                    esm_class=RECEIPT,
                    tlvs=_parameters(receipt),
                )
                return response.is_success
            except smpp34.SmppError as error:
                log.info("a receipt was not taken: %s", error)
        return False


def text_of(message: smpp34.SubmitSmEvent) -> str:
    """The text, whichever way it came: short or as payload, UCS-2 or the default alphabet."""
    payload = [tlv.value for tlv in message.tlvs if tlv.tag == MESSAGE_PAYLOAD]
    octets = payload[0] if payload else message.short_message
    return octets.decode("utf-16-be", "replace") if message.data_coding == UCS2 else _gsm(octets)


def _gsm(octets: bytes) -> str:
    """GSM 03.38, one octet a character, with its escapes."""
    characters, codes = [], iter(octets)
    for code in codes:
        characters.append(GSM_CHARACTER_TABLE[0x80 + next(codes, 0) if code == ESCAPE else code & 0x7F])
    return "".join(characters)


def _appendix_b(receipt: Receipt, now: datetime) -> bytes:
    word, _, error = _STATES[receipt.delivered]
    return (
        f"id:{receipt.reference} sub:001 dlvrd:{int(receipt.delivered):03} "
        f"submit date:{receipt.submitted_at:%y%m%d%H%M} done date:{now:%y%m%d%H%M} stat:{word} err:{error} text:"
    ).encode("ascii")


def _parameters(receipt: Receipt) -> list[smpp34.Tlv]:
    return [
        smpp34.Tlv(RECEIPTED_MESSAGE_ID, receipt.reference.encode() + b"\0"),
        smpp34.Tlv(MESSAGE_STATE, _STATES[receipt.delivered][1]),
    ]
