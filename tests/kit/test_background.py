"""Threads that end in good order."""

import asyncio
import time

from services.kit.background import LoopThread


def test_what_is_kept_finishes_what_it_had_begun_before_its_thread_ends():
    thread, done = LoopThread("carrier"), []

    async def hand_over() -> None:
        await asyncio.sleep(0.3)
        done.append("handed over")

    async def send() -> None:
        under_way = asyncio.create_task(hand_over())
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.wait([under_way])

    thread.soon(thread.keep, send())
    time.sleep(0.1)
    thread.stop()
    assert done == ["handed over"]


def test_what_nobody_keeps_is_cancelled_at_the_end():
    thread, ended = LoopThread("broker"), []

    async def forever() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    thread.soon(lambda: asyncio.ensure_future(forever(), loop=thread.loop))
    time.sleep(0.1)
    begun = time.monotonic()
    thread.stop()
    assert ended
    assert time.monotonic() - begun < 2
