"""Links in notices: they open one thing, for a while, and cannot be made up."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.links import LinkExpired, LinkInvalid, Links

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
LINKS = Links("https://lender.example/", (b"k" * 32,))


def test_a_link_opens_its_notice_until_it_expires() -> None:
    token = LINKS.sign("n", "N-B1-2", NOW + timedelta(days=60))
    assert LINKS.open("n", token, NOW + timedelta(days=59)) == "N-B1-2"
    with pytest.raises(LinkExpired):
        LINKS.open("n", token, NOW + timedelta(days=60))


@given(st.text(min_size=4, max_size=40))
def test_nothing_of_the_borrower_can_be_read_from_the_address(borrower_id: str) -> None:
    token = LINKS.sign("n", f"N-{borrower_id}-3", NOW)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert borrower_id.encode() not in raw
    assert borrower_id not in token


def test_the_address_is_short() -> None:
    address = LINKS.address(LINKS.sign("n", "N-B000123-3", NOW))
    assert address.startswith("https://lender.example/n/")
    assert len(address) < 75


def test_a_notice_that_is_written_again_carries_the_same_address() -> None:
    assert LINKS.sign("n", "N-B1-2", NOW) == LINKS.sign("n", "N-B1-2", NOW)
    assert LINKS.sign("n", "N-B1-2", NOW) != LINKS.sign("n", "N-B1-3", NOW)


def test_a_link_in_which_the_notice_stands_readable_opens_until_it_expires() -> None:
    token = "bgHEHtBOLUIxLTLsNvpN3MDShf31BP0d9DHm"
    assert LINKS.open("n", token, NOW) == "N-B1-2"
    with pytest.raises(LinkExpired):
        LINKS.open("n", token, NOW + timedelta(days=60))
    with pytest.raises(LinkInvalid):
        LINKS.open("n", token[:-1] + "8", NOW)


@pytest.mark.parametrize("borrower_id", ["Y" * 120, "王" * 120])
def test_the_link_of_the_longest_id_opens(borrower_id: str) -> None:
    notice_id = f"N-{borrower_id}-1234567890"
    assert LINKS.open("n", LINKS.sign("n", notice_id, NOW + timedelta(days=60)), NOW) == notice_id


@given(st.integers(0, 31), st.integers(1, 255))
def test_no_altered_byte_goes_unnoticed(position: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(LINKS.sign("n", "N-B0001-12x", NOW + timedelta(days=1)) + "=="))
    raw[position % len(raw)] ^= change
    forged = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    with pytest.raises(LinkInvalid):
        LINKS.open("n", forged, NOW)


@given(st.text(max_size=250))
def test_nothing_made_up_opens_anything(token: str) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.open("n", token, NOW)


def test_a_link_for_one_purpose_opens_nothing_else() -> None:
    token = LINKS.sign("x", "N-B1-2", NOW + timedelta(days=1))  # type: ignore[arg-type]
    with pytest.raises(LinkInvalid):
        LINKS.open("n", token, NOW)


def test_a_key_can_be_changed_without_breaking_what_was_sent() -> None:
    token = LINKS.sign("n", "N-B1-2", NOW + timedelta(days=1))
    changed = Links(LINKS.base, (b"n" * 32, b"k" * 32))
    assert changed.open("n", token, NOW) == "N-B1-2"
    with pytest.raises(LinkInvalid):
        Links(LINKS.base, (b"n" * 32,)).open("n", token, NOW)
    with pytest.raises(LinkInvalid):
        LINKS.open("n", changed.sign("n", "N-B1-2", NOW + timedelta(days=1)), NOW)
