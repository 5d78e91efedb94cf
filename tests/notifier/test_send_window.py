"""A short run of the play in which senders are killed between claim and outcome; the long one is a program."""

from collections.abc import Callable

import pytest

from tests.notifier.send_window import play

pytestmark = pytest.mark.stack


async def test_no_notice_goes_out_twice_however_its_sender_dies(fresh_database: Callable[[], str]) -> None:
    found = await play(fresh_database(), kills=10)
    assert found.good, found
    assert found.caught_in_the_window > 0
    assert found.caught_and_handed_over > 0, "the window was never open long enough to show anything"
    assert found.handed_over > 10
