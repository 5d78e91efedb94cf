"""A text that is shown for a sample borrower is one that could be sent on this day."""

from datetime import date, timedelta

import pytest

from schemas.values import Channel
from services.kit.pages import LANGUAGES, Language, day
from services.notifier.api.desk import Previews
from tests.notifier.edge import settings

TODAY, LINK_DAYS = date(2026, 11, 23), 45


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("name", "channel"), [("letter", "letter"), ("notice", "email")])
def test_the_link_of_a_sample_works_for_as_long_as_one_that_is_sent(
    name: str, channel: Channel, language: Language
) -> None:
    made = Previews(settings(link_days=LINK_DAYS), lambda: TODAY)
    text = made.write(name, channel, language, "CN").message.text
    assert day(TODAY + timedelta(days=LINK_DAYS), language) in text
