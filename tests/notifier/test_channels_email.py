"""E-mail against a real SMTP server."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.notifier.channels import Accepted, ChannelDown, Message, Refused, Submission, Unknown
from services.notifier.channels.email import Email, SmtpAddress
from tests.notifier.carriers import free_port, freely, mail_server

SENDER = "安心消费金融 <notices@lender.example>"


def message(to: str = "li.lei@mail.example", contact_id: str = "N-B1-1") -> Message:
    return Message(contact_id, to, "zh-CN", "还款提醒", "您好：\n应还 ¥1.00", "<p>您好：<b>¥1.00</b></p>")


@asynccontextmanager
async def post(port: int) -> AsyncIterator[Email]:
    email = Email(SmtpAddress("127.0.0.1", port, SENDER))
    await email.open()
    try:
        yield email
    finally:
        await email.close()


async def send(port: int, mail: Message | None = None) -> Submission:
    async with post(port) as email:
        return await email.submit(mail or message(), freely)


async def test_a_mail_carries_text_and_html_and_an_id_that_a_second_one_would_share() -> None:
    with mail_server() as server:
        outcome = await send(server.port)
    (mail,) = server.mails
    assert outcome == Accepted("<N-B1-1@lender.example>")
    assert mail["Message-ID"] == "<N-B1-1@lender.example>"
    assert (mail["Subject"], mail["To"]) == ("还款提醒", "li.lei@mail.example")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "应还 ¥1.00" in text.get_content()
    assert "<b>¥1.00</b>" in html.get_content()


@pytest.mark.parametrize("contact_id", ["N-王小明-1", "N-a b<c>@d-1", "N-..-1", "N-a/b-1"])
async def test_any_id_makes_a_message_id(contact_id: str) -> None:
    with mail_server() as server:
        outcome = await send(server.port, message(contact_id=contact_id))
    (mail,) = server.mails
    assert outcome == Accepted(mail["Message-ID"])
    assert re.fullmatch(r"<[A-Za-z0-9%_~-]+@lender\.example>", mail["Message-ID"])


@pytest.mark.parametrize("where", [{"at_rcpt": "550 no such user"}, {"at_data": "554 not wanted"}])
async def test_a_final_no_is_a_refusal(where: dict[str, str]) -> None:
    with mail_server(**where) as server:
        assert isinstance(await send(server.port), Refused)


@pytest.mark.parametrize("where", [{"at_rcpt": "451 later"}, {"at_data": "452 full"}])
async def test_a_no_for_now_has_taken_nothing(where: dict[str, str]) -> None:
    with mail_server(**where) as server, pytest.raises(ChannelDown):
        await send(server.port)


async def test_a_line_that_breaks_within_the_message_leaves_it_unknown() -> None:
    with mail_server(hangs_up=True) as server:
        assert isinstance(await send(server.port), Unknown)


async def test_without_a_server_nothing_leaves() -> None:
    with pytest.raises(ChannelDown):
        await send(free_port())


async def test_what_is_no_address_is_refused_without_asking_anyone() -> None:
    for address in ("", "nobody", "two words@mail.example", "a@b\r\nBcc: all@mail.example"):
        assert isinstance(await send(free_port(), message(address)), Refused), address


async def test_one_refusal_does_not_spoil_the_next_mail() -> None:
    with mail_server(at_rcpt="550 no such user") as server:
        async with post(server.port) as email:
            assert isinstance(await email.submit(message(), freely), Refused)
            server.at_rcpt = ""
            outcomes = await asyncio.gather(*(email.submit(message(contact_id=f"N-B{n}-1"), freely) for n in range(40)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len({str(mail["Message-ID"]) for mail in server.mails}) == 40
