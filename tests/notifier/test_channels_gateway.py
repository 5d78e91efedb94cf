"""Robot calls and app messages over real HTTP: an idempotency key, and what is known after a line broke."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Unknown, gateway
from services.notifier.channels.gateway import AppFirst, Gateway, GatewayAddress
from services.notifier.channels.sms import SmppAddress, Sms
from tests.notifier.carriers import SmsCarrier, free_port, freely, sms_carrier, until
from tests.notifier.gateway import TOKEN, GatewayPeer, gateway_peer

CALL = Message("N-B1-1", "+8613800000001", "zh-CN", text="您的贷款已逾期3天", greeting="您好，这里是安心消费金融")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ASK_AGAIN_SECONDS", (0.01, 0.02, 0.03))


@asynccontextmanager
async def caller(peer: GatewayPeer, kind: str = "voice", token: str = TOKEN) -> AsyncIterator[Gateway]:
    channel = Gateway(GatewayAddress(peer.base, kind, token))  # type: ignore[arg-type]
    await channel.open()
    yield channel
    await channel.close()


async def test_a_call_is_taken_under_its_contacts_id_and_is_recorded() -> None:
    async with gateway_peer() as peer, caller(peer) as channel:
        assert await channel.submit(CALL, freely) == Accepted("voice:G-N-B1-1")
    assert peer.made["N-B1-1"] == {
        "id": "N-B1-1",
        "kind": "voice",
        "to": "+8613800000001",
        "language": "zh-CN",
        "greeting": "您好，这里是安心消费金融",
        "text": "您的贷款已逾期3天",
        "record": True,
    }


@pytest.mark.parametrize("status", [425, 429, 503])
async def test_a_gateway_that_is_busy_has_taken_nothing(status: int) -> None:
    async with gateway_peer(status=status) as peer, caller(peer) as channel:
        with pytest.raises(ChannelDown):
            await channel.submit(CALL, freely)


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
async def test_what_the_gateway_will_not_take_may_go_another_way(status: int) -> None:
    async with gateway_peer(status=status) as peer, caller(peer) as channel:
        assert isinstance(await channel.submit(CALL, freely), Refused)


async def test_a_line_that_breaks_after_the_message_was_taken_is_cleared_up_by_its_key() -> None:
    async with gateway_peer(breaks=True) as peer, caller(peer) as channel:
        assert await channel.submit(CALL, freely) == Accepted("voice:G-N-B1-1")
        assert await channel.submit(CALL, freely) == Accepted("voice:G-N-B1-1")
    assert len(peer.made) == 1


async def test_a_message_that_the_gateway_never_saw_may_be_handed_in_again_under_the_same_key() -> None:
    async with gateway_peer(loses=True) as peer, caller(peer) as channel:
        with pytest.raises(ChannelDown):
            await channel.submit(CALL, freely)
        peer.loses = False
        assert await channel.submit(CALL, freely) == Accepted("voice:G-N-B1-1")
    assert peer.asked == ["N-B1-1", "N-B1-1"]


@pytest.mark.parametrize("status", [0, 500, 504])
async def test_a_gateway_that_breaks_and_says_nothing_leaves_the_message_unknown(status: int) -> None:
    async with gateway_peer(breaks=True, dumb=True, status=status) as peer, caller(peer) as channel:
        assert isinstance(await channel.submit(CALL, freely), Unknown)


async def test_without_a_gateway_nothing_leaves() -> None:
    async with caller(GatewayPeer(free_port())) as channel:
        with pytest.raises(ChannelDown):
            await channel.submit(CALL, freely)


# -- the app before the text message ----------------------------------------------------------------------------------


@asynccontextmanager
async def app_first(peer: GatewayPeer) -> AsyncIterator[tuple[AppFirst, SmsCarrier]]:
    async def keep(_receipt: object) -> None:
        return

    async with sms_carrier() as carrier:
        sms = Sms(SmppAddress("127.0.0.1", carrier.port, "arrears", "secret"), keep)
        both = AppFirst(Gateway(GatewayAddress(peer.base, "push", TOKEN)), sms)
        await both.open()
        await until(both.ready)
        yield both, carrier
        await both.close()


async def test_who_has_the_app_gets_no_text_message() -> None:
    async with gateway_peer() as peer, app_first(peer) as (both, carrier):
        assert await both.submit(CALL, freely) == Accepted("push:G-N-B1-1")
    assert peer.made["N-B1-1"]["kind"] == "push"
    assert carrier.got == []


async def test_who_has_no_app_gets_a_text_message() -> None:
    async with gateway_peer(status=404) as peer, app_first(peer) as (both, carrier):
        assert await both.submit(CALL, freely) == Accepted("R1")
    assert len(carrier.got) == 1


async def test_an_outage_of_the_apps_gateway_does_not_hold_up_text_messages() -> None:
    async with app_first(GatewayPeer(free_port())) as (both, carrier):
        outcomes = await asyncio.gather(*(both.submit(CALL, freely) for _ in range(20)))
    assert len(set(outcomes)) == len(carrier.got) == 20


@pytest.mark.parametrize("how", ["breaks", "loses"])
async def test_what_the_app_may_have_got_is_never_sent_as_text_message_too(how: str) -> None:
    async with gateway_peer(dumb=how == "breaks", **{how: True}) as peer, app_first(peer) as (both, carrier):
        assert isinstance(await both.submit(CALL, freely), Unknown)
    assert carrier.got == []
