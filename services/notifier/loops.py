"""What runs beside the stream: the carriers' connections, the sender, the inbox of receipts, the watch on versions."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from services.notifier.channels import Channel
from services.notifier.channels.email import Email
from services.notifier.channels.gateway import AppFirst, Gateway
from services.notifier.channels.letter import Letters, letter_fonts
from services.notifier.channels.sms import OnReceipt, Sms
from services.notifier.receipts import Inbox
from services.notifier.rulebook_watch import Watch
from services.notifier.sender import Running, Sender
from services.notifier.settings import NotifierSettings
from services.notifier.text import Texts
from services.notifier.writer import Writer
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import load_strategy


async def send(runtime: Running, *, settings: NotifierSettings) -> None:
    """Connect to the carriers and send, for the life of the worker."""
    texts = Texts(settings.lender())
    writer = Writer(
        texts,
        settings.links(),
        settings.link_days,
        load_strategy(settings.strategy),
        load_rulebooks(settings.rulebook_dir),
    )
    inbox = Inbox(runtime)
    channels = carriers(settings, texts, inbox.take)
    async with AsyncExitStack() as stack:
        for channel in channels.values():
            await channel.open()
            stack.push_async_callback(channel.close)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(inbox.run())
            tasks.create_task(Sender(runtime, channels, writer, settings.rates()).run())


def carriers(settings: NotifierSettings, texts: Texts, on_receipt: OnReceipt) -> Mapping[str, Channel]:
    """The channels that the settings name a carrier for."""
    sms: Channel = Sms(settings.smpp(), on_receipt)
    found: dict[str, Channel] = {
        "sms": AppFirst(Gateway(settings.gateway("push")), sms) if settings.push_url else sms,
        "email": Email(settings.smtp()),
        "letter": Letters(settings.print_dir, texts.folder / "letter.typ", letter_fonts(settings.font_dir)),
    }
    return found | ({"voice": Gateway(settings.gateway("voice"))} if settings.voice_url else {})


async def watch_rulebooks(runtime: Running, *, settings: NotifierSettings) -> None:
    """Ask anew what another version of the rule book had allowed, for the life of the worker."""
    await Watch(runtime, load_rulebooks(settings.rulebook_dir)).run()
