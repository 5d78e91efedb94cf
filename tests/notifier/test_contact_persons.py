"""Somebody whom the borrower named is asked where the borrower can be reached: when they are lost, and nothing else."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from schemas.contacts import ContactAllowed, ContactCancelled
from services.notifier import domain
from tests.notifier.begun import begun
from tests.notifier.edge import recorded
from tests.notifier.ladder_story import known
from tests.notifier.reading import reader, reminded
from tests.notifier.test_told_late import ask_to_call, tell


def lost():
    """Three calls in vain yesterday."""
    story = begun()
    called = ask_to_call(story, "officer-1")
    tell(story, called.contact_id, story.now, "unanswered", dials=3)
    story.bus.advance(timedelta(days=1))
    return story


def ask(story, **changes):
    values = {
        "proposed_by": "officer-1",
        "at": story.now,
        "party": "contact_person",
        "person_id": "CP-1",
        "contact_source": "contract",
        "recording": True,
    }
    (fact, *_) = story.command(domain.propose, domain.Asked("voice", **{**values, **changes}))
    return fact.data


def test_a_contact_person_is_asked_where_a_lost_borrower_is_and_told_nothing_of_the_debt():
    story = lost()
    assert {r.rule_id for r in ask(story).reasons} == {"CN-WHO-01", "CN-WHO-06", "CN-WHO-07"}
    inquiry = ask(story, about="location")
    assert isinstance(inquiry, ContactAllowed), inquiry.reasons
    assert inquiry.inputs["proposal"]["purpose"] == "location"


def test_a_contact_person_who_refused_over_the_ledger_is_never_asked_again():
    story = lost()
    tell(story, ask(story, about="location").contact_id, story.now, refused=True)
    story.bus.advance(timedelta(days=1))
    assert "CN-WHO-03" in {r.rule_id for r in ask(story, about="location").reasons}


def test_while_the_borrower_can_be_reached_nobody_else_is_asked():
    assert "CN-WHO-02" in {r.rule_id for r in ask(begun(), about="location").reasons}


@pytest.mark.parametrize("status", ["deceased", "incapacitated"])
def test_who_is_asked_because_nobody_can_answer_may_be_asked(status):
    story = begun().say(known(status=status))
    inquiry = ask(story, about="location")
    assert isinstance(inquiry, ContactAllowed), inquiry.reasons
    assert inquiry.contact_id not in {c.contact_id for c in story.said(ContactCancelled)}
    assert story.state.contact(inquiry.contact_id) is not None


@pytest.mark.stack
async def test_over_rest_the_purpose_can_be_said_and_is_the_debt_where_it_is_not(engine: Engine) -> None:
    bench = reminded(engine)
    bench.deliver(recorded(status="incapacitated"))
    body = {"borrower_id": "B-1", "channel": "voice", "proposed_by": "officer-1", "party": "contact_person"}
    body |= {"person_id": "CP-1", "contact_source": "contract", "recording": True}
    about_the_debt = (await reader(bench).post("/contacts", json=body)).json()
    assert "CN-WHO-06" in {reason["rule_id"] for reason in about_the_debt["reasons"]}
    inquiry = (await reader(bench).post("/contacts", json={**body, "about": "location"})).json()
    assert (inquiry["allowed"], inquiry["reasons"]) == (True, [])
