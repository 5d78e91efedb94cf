"""A wish about some channels makes no wrongful contact of a contact over another."""

from datetime import UTC, datetime
from typing import get_args

import pytest

from schemas.contacts import ContactStopRequested
from schemas.values import Channel
from services.reporting.domain.stops import marks

AT = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("channels", "kinds"),
    [((), ["stop_request"]), (get_args(Channel), ["stop_request"]), (("visit",), []), (("sms", "email"), [])],
)
def test_only_a_wish_for_no_contact_at_all_stops_every_contact(channels: tuple[Channel, ...], kinds: list[str]) -> None:
    asked = ContactStopRequested(request_id="S-1", borrower_id="B1", requested_at=AT, via="link", channels=channels)
    assert [mark.kind for mark in marks(asked, AT, AT)] == kinds
