"""A wish about some channels stops those, and makes no wrongful contact of a contact over another."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from schemas.contacts import ContactStopRequested
from schemas.values import Channel
from services.reporting.domain.stops import marks

AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("channels", [(), get_args(Channel), ("visit",), ("sms", "email")])
def test_a_wish_stops_its_channels_each_by_itself_and_all_where_none_is_named(channels: tuple[Channel, ...]) -> None:
    asked = ContactStopRequested(request_id="S-1", borrower_id="B1", requested_at=AT, via="link", channels=channels)
    stopped = [f"stop_request {channel}" for channel in channels or get_args(Channel)]
    assert [mark.kind for mark in marks(asked, AT, AT)] == stopped
