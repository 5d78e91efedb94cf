"""Another version of the rule book comes into force: what was allowed before is asked anew, at the exact instant."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.contacts import ContactAllowed, ContactCancelled, ContactDenied
from services.kit.service import Refused
from services.notifier import domain, handlers
from services.rulebook.record import rerun
from services.rulebook.shelf import Activation
from tests.notifier.ladder_story import MORNING, POLICY, Story, known

HOUR = timedelta(hours=1)


def under(*activations):
    """A policy under which these versions come into force from these instants."""
    told = tuple(Activation("CN", version, at) for version, at in activations)
    return replace(POLICY, rulebooks=POLICY.rulebooks.activated(told))


def told(story, *activations):
    """Ops say it in the middle of the story."""
    story.policy = under(*activations)
    return story


def versions(facts):
    return [fact.rulebook.partition("@")[0] for fact in facts]


def test_a_permit_ends_with_its_version_and_the_step_is_decided_by_the_next():
    story = Story(policy=under(("1", MORNING + HOUR))).say(known()).overdue(1)
    (allowed,) = story.said(ContactAllowed)
    assert allowed.expires_at == MORNING + HOUR
    story.bus.advance(2 * HOUR)
    assert [gone.reason for gone in story.said(ContactCancelled)] == ["expired"]
    assert versions(story.said(ContactAllowed)) == ["CN-2", "CN-1"]


def test_a_late_word_of_ops_takes_back_what_the_old_version_allowed():
    story = Story().say(known()).overdue(1)
    told(story, ("1", MORNING + HOUR)).bus.advance(2 * HOUR)
    story.bus.wake("notifier", "B-1")
    assert [gone.reason for gone in story.said(ContactCancelled)] == ["replanned"]
    assert versions(story.said(ContactAllowed)) == ["CN-2", "CN-1"]


def test_nothing_goes_out_under_a_version_that_is_not_in_force_any_more():
    story = Story().say(known()).overdue(1)
    (allowed,) = story.said(ContactAllowed)
    told(story, ("1", MORNING))
    with pytest.raises(Refused, match="not in force any more"):
        story.command(domain.claimed, allowed.contact_id)
    assert handlers.next_at(story.state) is not None


def test_a_version_that_is_not_installed_denies_everything():
    story = Story(policy=under(("9", MORNING - HOUR))).say(known()).overdue(1)
    (denied,) = story.said(ContactDenied)
    assert [(reason.rule_id, reason.text) for reason in denied.reasons] == [
        ("GATE-REGION", "no rule book in force for the region CN-GD")
    ]


def test_decisions_on_both_sides_of_a_switch_are_made_again_alike():
    policy = under(("1", MORNING + HOUR))
    story = Story(policy=policy).say(known()).overdue(1)
    story.bus.advance(2 * HOUR)
    for fact in story.said(ContactAllowed):
        again = rerun(fact.inputs, policy.rulebooks.labelled(fact.rulebook))
        assert (again.allowed, again.expires_at) == (True, fact.expires_at)
