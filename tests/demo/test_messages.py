"""What the simulated carriers delivered can be read."""

from datetime import UTC, datetime

from deploy.local.messages import Messages, read_messages
from services.kit.clock import ManualClock

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_messages_are_kept_and_the_latest_found_by_what_they_hold(tmp_path):
    told = []
    messages = Messages(tmp_path, ManualClock(NOON))
    sms = messages.kept("sms", lambda to, text, _: told.append((to, text)))
    sms("+86138", "请还款 https://lender.example/n/b1", "R1")
    messages.kept("email")("b@example.com", "please pay", "R2")
    sms("+86139", "again", "R3")
    assert [one["to"] for one in read_messages(tmp_path, most=2)] == ["b@example.com", "+86139"]
    (found,) = read_messages(tmp_path, "请还款")
    assert (found["at"], found["channel"], found["reference"]) == (NOON.isoformat(), "sms", "R1")
    assert told[0][0] == "+86138"


def test_before_the_first_message_there_is_none(tmp_path):
    assert read_messages(tmp_path) == []
