"""SMS over SMPP 3.4: one bound transceiver session, many submits in flight, receipts acknowledged once they are kept.

The PDUs are smpplib's; its blocking client is not used, because it cannot keep several submits in flight, loses its
place in the stream on a timeout and acknowledges a receipt before we could store it. (aiosmpplib was looked at too: it
holds a queue of its own and would send a message after a reconnect, when it may have been stopped long since.)
Text that GSM 03.38 cannot say goes as UCS-2; what does not fit one short message goes whole in `message_payload`, so
that one notice has one reference and one receipt.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from smpplib import consts, smpp
from smpplib.client import SimpleSequenceGenerator
from smpplib.command import Command
from smpplib.gsm import gsm_encode

from services.notifier.channels import Accepted, ChannelDown, Leaving, Message, Refused, Submission, Unknown
from services.notifier.channels.receipt import Receipt, read_receipt

log = structlog.get_logger(__name__)

SHORT_MESSAGE_OCTETS = 140  # one SM; longer short_messages are cut differently by each carrier
PDU_OCTETS_MAX = 70_000  # message_payload holds 64 kB
RESPONSE_SECONDS = 10.0
ENQUIRE_SECONDS = 15.0
BACKOFF_SECONDS = (0.2, 15.0)
TRY_LATER = frozenset({consts.SMPP_ESME_RTHROTTLED, consts.SMPP_ESME_RMSGQFUL})
TEMPORARY_ERROR = 0x64  # ESME_RX_T_APPN: deliver it again later


@dataclass(frozen=True, slots=True)
class SmppAddress:
    """Where the carrier listens and who we are to it. `sender` is the number or name that people see."""

    host: str
    port: int
    system_id: str
    password: str
    sender: str = ""
    tls: bool = False


OnReceipt = Callable[[Receipt], Awaitable[None]]


class Sms:
    """The SMS channel. `on_receipt` keeps a delivery receipt durably; only then is it acknowledged."""

    window = 50

    def __init__(self, address: SmppAddress, on_receipt: OnReceipt) -> None:
        self._address = address
        self._on_receipt = on_receipt
        self._session: _Session | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to connect, for ever."""
        self._keeper = asyncio.create_task(self._keep_bound(), name="smpp")

    async def close(self) -> None:
        """Unbind; what has no response yet ends as Unknown."""
        if self._keeper:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    def ready(self) -> bool:
        """Whether a session is bound."""
        return self._session is not None and self._session.alive

    async def submit(self, message: Message, leaving: Leaving) -> Submission:
        """Hand over one message. Raises ChannelDown when no session is bound or the carrier is too busy."""
        fields = _submit_fields(self._address.sender, message)
        await leaving()
        session = self._session
        if session is None or not session.alive:
            raise ChannelDown("no SMPP session is bound")
        if session.clogged:
            raise ChannelDown("the carrier does not read")
        try:
            response = await session.request("submit_sm", **fields)
        except ConnectionError as lost:
            return Unknown(f"SMPP: {lost}")
        if response.status in TRY_LATER:
            raise ChannelDown(f"SMPP: {_describe(response.status)}")
        if response.is_error():
            return Refused(f"SMPP: {_describe(response.status)}")
        return Accepted(_text(response.message_id))

    async def _keep_bound(self) -> None:
        delay = BACKOFF_SECONDS[0]
        while True:
            try:
                async with _bound(self._address, self._on_receipt) as self._session:
                    delay = BACKOFF_SECONDS[0]
                    log.info("sms_bound", host=self._address.host, port=self._address.port)
                    await self._session.ended.wait()
                    log.warning("sms_session_lost", reason=self._session.why)
            except (OSError, TimeoutError) as error:
                log.warning("sms_cannot_bind", reason=str(error) or type(error).__name__, next_try_seconds=delay)
            finally:
                self._session = None
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF_SECONDS[1])


@contextlib.asynccontextmanager
async def _bound(address: SmppAddress, on_receipt: OnReceipt):  # type: ignore[no-untyped-def]
    """A session, bound as transceiver. Raises OSError when the carrier cannot be reached or does not want us."""
    tls = ssl.create_default_context() if address.tls else None
    async with asyncio.timeout(RESPONSE_SECONDS):
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=tls)
    session = _Session(reader, writer, on_receipt)
    tasks = [asyncio.create_task(session.read()), asyncio.create_task(session.enquire())]
    try:
        response = await session.request(
            "bind_transceiver", system_id=address.system_id, password=address.password, interface_version=0x34
        )
        if response.is_error():
            raise ConnectionRefusedError(f"bind refused: {_describe(response.status)}")
        yield session
    finally:
        session.end("closed")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Session:
    """One TCP connection: requests matched to responses by sequence number; everything ends together."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_receipt: OnReceipt) -> None:
        self._reader, self._writer, self._on_receipt = reader, writer, on_receipt
        self._sequences = SimpleSequenceGenerator()
        self._waiting: dict[int, asyncio.Future[Command]] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self.ended = asyncio.Event()
        self.why = ""

    @property
    def alive(self) -> bool:
        """False once the connection is lost or the carrier has unbound."""
        return not self.ended.is_set() and not self._writer.is_closing()

    @property
    def clogged(self) -> bool:
        """Whether what was written before has not left yet: anything more would leave we do not know when."""
        return self._writer.transport.get_write_buffer_size() > 0

    def end(self, why: str) -> None:
        """Close; every request without response fails with ConnectionError."""
        if self.ended.is_set():
            return
        self.why = why
        self.ended.set()
        self._writer.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError(f"{why} before the response came"))

    async def request(self, command: str, **fields: object) -> Command:
        """Send and wait for the response. Raises ConnectionError when it may have been sent and none came."""
        pdu = smpp.make_pdu(command, client=self._sequences, **fields)
        arrival: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self._waiting[pdu.sequence] = arrival
        try:
            self._writer.write(pdu.generate())
            async with asyncio.timeout(RESPONSE_SECONDS):
                return await arrival
        except TimeoutError:
            raise ConnectionAbortedError("no response in time") from None
        finally:
            self._waiting.pop(pdu.sequence, None)

    async def read(self) -> None:
        """Take PDUs until the connection ends."""
        try:
            while True:
                self._take(await self._next_pdu())
        except (OSError, asyncio.IncompleteReadError):
            self.end("connection lost")
        except Exception as error:  # smpplib raises whatever a malformed PDU leads it to
            self.end(f"unreadable PDU: {error!r}")

    async def enquire(self) -> None:
        """Ask from time to time whether the other side is there."""
        while not self.ended.is_set():
            await asyncio.sleep(ENQUIRE_SECONDS)
            try:
                await self.request("enquire_link")
            except ConnectionError as error:
                self.end(f"enquire_link: {error}")

    async def _next_pdu(self) -> Command:
        head = await self._reader.readexactly(4)
        length = int.from_bytes(head, "big")
        if not 16 <= length <= PDU_OCTETS_MAX:
            raise ValueError(f"a PDU of {length} octets")
        raw = head + await self._reader.readexactly(length - 4)
        return smpp.parse_pdu(raw, client=self._sequences, allow_unknown_opt_params=True)

    def _take(self, pdu: Command) -> None:
        if pdu.command == "deliver_sm":
            task = asyncio.create_task(self._keep(pdu))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)
        elif pdu.command == "enquire_link":
            self._respond("enquire_link_resp", pdu)
        elif pdu.command == "unbind":
            self._respond("unbind_resp", pdu)
            self.end("the carrier unbound")
        elif (waiting := self._waiting.get(pdu.sequence)) and not waiting.done():
            waiting.set_result(pdu)

    async def _keep(self, pdu: Command) -> None:
        receipt = read_receipt(pdu)
        if receipt is None:
            log.info("sms_inbound_passed_over", esm_class=pdu.esm_class)
            return self._respond("deliver_sm_resp", pdu)
        try:
            await self._on_receipt(receipt)
        except Exception as error:
            log.warning("sms_receipt_not_kept", reference=receipt.reference, reason=type(error).__name__)
            return self._respond("deliver_sm_resp", pdu, status=TEMPORARY_ERROR)
        self._respond("deliver_sm_resp", pdu)

    def _respond(self, command: str, request: Command, status: int = consts.SMPP_ESME_ROK) -> None:
        if self.alive:
            response = smpp.make_pdu(command, client=self._sequences, status=status)
            response.sequence = request.sequence
            self._writer.write(response.generate())


def _submit_fields(sender: str, message: Message) -> dict[str, object]:
    coding, octets = encode(message.text)
    body = {"short_message": octets} if len(octets) <= SHORT_MESSAGE_OCTETS else {"message_payload": octets}
    number = message.to.removeprefix("+")
    return {
        "source_addr_ton": consts.SMPP_TON_INTL if sender.isdigit() else consts.SMPP_TON_ALNUM,
        "source_addr_npi": consts.SMPP_NPI_ISDN if sender.isdigit() else consts.SMPP_NPI_UNK,
        "source_addr": sender,
        "dest_addr_ton": consts.SMPP_TON_INTL if message.to.startswith("+") else consts.SMPP_TON_UNK,
        "dest_addr_npi": consts.SMPP_NPI_ISDN,
        "destination_addr": "".join(digit for digit in number if digit.isdigit()),
        "data_coding": coding,
        "registered_delivery": consts.SMPP_SMSC_DELIVERY_RECEIPT_BOTH,
        **body,
    }


def encode(text: str) -> tuple[int, bytes]:
    """The data coding and the octets of a text: the default alphabet where it can say it, else UCS-2."""
    try:
        return consts.SMPP_ENCODING_DEFAULT, gsm_encode(text)
    except UnicodeError:
        return consts.SMPP_ENCODING_ISO10646, text.encode("utf-16-be")


def _describe(status: int) -> str:
    return f"{consts.DESCRIPTIONS.get(status, 'error')} (0x{status:08x})"


def _text(value: bytes | str | None) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value or ""
