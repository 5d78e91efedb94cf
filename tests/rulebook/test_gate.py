"""May this contact be made? Each kind of rule by example; every denial has its reason and its time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.rulebook.packs import load_rulebook
from services.rulebook.question import Consent, Contacted, History, Hold, StopRequest
from services.rulebook.record import Inputs, as_json, rerun
from tests.rulebook.asking import CN, NOON, PROVED, ask, call, message, profile, rules_of, visit

EVENING = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
"""22:30 in Shanghai."""

EIGHT = datetime(2026, 3, 5, 0, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def made(number, channel="voice", at=NOON, **changes):
    return tuple(
        Contacted(f"X-{n}", channel, at - n * timedelta(minutes=5), "T-1", ("L-1",), **changes) for n in range(number)
    )


def test_at_noon_a_message_may_go_until_the_quiet_begins():
    decision = ask(message())
    assert decision.allowed
    assert decision.expires_at == datetime(2026, 3, 4, 14, 0, tzinfo=UTC)
    assert decision.local_time == "2026-03-04T12:00:00+08:00"
    assert decision.rulebook == CN.label


def test_in_the_quiet_hours_it_waits_for_eight_in_the_morning():
    decision = ask(message(at=EVENING))
    assert rules_of(decision) == {"CN-TIME-01", "CN-TIME-02"}
    assert decision.retry_at == EIGHT
    assert "it is 22:30 there" in decision.reasons[0].text


def test_the_quiet_is_where_the_borrower_lives():
    assert ask(message(at=EVENING), who=profile(time_zone="Asia/Urumqi")).allowed  # 20:30 there


def test_a_consent_to_night_contact_lifts_the_quiet_until_it_ends():
    consent = Consent("CO-1", "night_contact", NOON, expires_at=EVENING + HOUR)
    decision = ask(message(at=EVENING), who=profile(consents=(consent,)))
    assert decision.allowed
    assert decision.expires_at == EVENING + HOUR


def test_a_consent_that_begins_later_in_the_night_is_the_time_to_retry():
    consent = Consent("CO-1", "night_contact", EVENING + HOUR)
    assert ask(message(at=EVENING), who=profile(consents=(consent,))).retry_at == EVENING + HOUR


def test_a_consent_for_another_channel_lifts_nothing():
    consent = Consent("CO-1", "night_contact", NOON, channel="voice")
    assert not ask(message(at=EVENING), who=profile(consents=(consent,))).allowed


def test_a_fourth_conversation_waits_for_tomorrow_morning():
    decision = ask(call(), History(made(3)))
    assert rules_of(decision) == {"CN-FREQ-01", "CN-FREQ-02"}
    assert decision.counters["CN-FREQ-01"] == 3
    assert decision.retry_at == EIGHT, "midnight is quiet, so the morning is the earliest"


def test_calls_that_nobody_answered_are_no_conversations():
    assert ask(call(), History(made(5, connected=False))).allowed


def test_a_seventh_dial_to_one_number_is_one_too_many_but_another_number_is_not():
    history = History(made(6, connected=False))
    assert rules_of(ask(call(), history)) == {"CN-FREQ-03"}
    assert ask(call(contact_point="T-2"), history).allowed


def test_a_soft_rule_gives_way_to_a_recorded_reason_and_a_hard_one_does_not():
    six = History(made(6, connected=False))
    decision = ask(call(overrides={"CN-FREQ-03": "the borrower asked to be rung until noon"}), six)
    assert decision.allowed
    assert "Overridden: the borrower asked" in decision.reasons[0].text
    assert not ask(call(overrides={"CN-FREQ-01": "hurry"}), History(made(3))).allowed
    assert not ask(call(overrides={"CN-FREQ-03": ""}), six).allowed


def test_the_counters_are_the_borrowers_over_all_loans():
    other = tuple(replace(each, loan_ids=("L-2",)) for each in made(3))
    assert not ask(call(), History(other)).allowed


def test_the_proposal_itself_is_not_counted_against_it():
    assert ask(call(contact_id="X-0"), History(made(3))).allowed


def test_contact_persons_are_never_collected_from():
    decision = ask(message(party="contact_person"))
    assert rules_of(decision) == {"CN-WHO-01", "CN-WHO-02", "CN-WHO-03", "CN-WHO-06", "CN-WHO-07"}
    assert decision.retry_at is None, "no passing of time makes it right"


@pytest.mark.parametrize("source", [None, "bought list", ""])
def test_numbers_of_unlawful_or_unknown_source_are_not_used(source):
    assert rules_of(ask(message(contact_source=source))) == {"CN-WHO-08"}


def test_a_hold_stops_all_and_its_end_is_the_time_to_retry():
    assert ask(message(), History(holds=(Hold("H-1", "dispute", NOON),))).retry_at is None
    ends = (Hold("H-1", "promise", NOON, NOON + 2 * HOUR),)
    decision = ask(message(), History(holds=ends))
    assert (rules_of(decision), decision.retry_at) == ({"CN-STOP-01"}, NOON + 2 * HOUR)


def test_a_hold_that_ends_at_night_is_retried_in_the_morning():
    ends = (Hold("H-1", "promise", NOON, EVENING),)
    assert ask(message(), History(holds=ends)).retry_at == EIGHT


def test_who_asked_to_be_left_alone_is_left_alone_until_they_consent_again():
    stopped = History(stops=(StopRequest("SR-1", NOON - DAY),))
    assert rules_of(ask(message(), stopped)) == {"CN-STOP-02"}
    before = Consent("CO-1", "channel", NOON - 2 * DAY)
    later = Consent("CO-2", "channel", NOON - HOUR)
    assert not ask(message(), stopped, profile(consents=(before,))).allowed
    assert ask(message(), stopped, profile(consents=(later,))).allowed


def test_a_stop_of_one_channel_leaves_the_others():
    stopped = History(stops=(StopRequest("SR-1", NOON - DAY, ("sms",)),))
    assert not ask(message(), stopped).allowed
    assert ask(message("email"), stopped).allowed


@pytest.mark.parametrize("status", ["deceased", "incapacitated", "bankrupt"])
def test_the_dead_the_incapacitated_and_the_bankrupt_are_not_contacted(status):
    assert rules_of(ask(message(), who=profile(status=status))) == {"CN-STOP-03"}


def test_a_visit_with_team_recording_proof_and_room_is_allowed_for_its_window():
    decision = ask(visit())
    assert decision.allowed
    assert decision.expires_at == NOON + 3 * HOUR


def test_a_visit_ends_at_the_quiet_hours_edge():
    late = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    assert ask(visit(late)).expires_at == datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"team": ("S-1",)}, {"CN-VIS-01"}),
        ({"team": ("S-1", "S-1")}, {"CN-VIS-01"}),
        ({"team": ()}, {"CN-VIS-01"}),
        ({"recording": False}, {"CN-VIS-03"}),
        ({"place": "work"}, {"CN-VIS-04", "CN-VIS-07-PLACE"}),
        ({"place": "school"}, {"CN-VIS-07-PLACE"}),
        ({"place": None}, {"CN-VIS-04", "CN-VIS-07-PLACE"}),
        ({"proof_id": "PF-9"}, {"CN-VIS-07-NOTICE"}),
        ({"proof_id": None}, {"CN-VIS-07-NOTICE"}),
    ],
)
def test_a_visit_that_lacks_something_is_denied_for_it(changes, rules):
    assert rules_of(ask(visit(**changes))) == rules


def test_a_visit_at_work_needs_consent():
    consent = Consent("CO-1", "workplace_visit", NOON - DAY)
    assert ask(visit(place="work"), who=profile(consents=(consent,))).allowed


def test_a_visit_waits_until_the_response_window_is_over():
    proofs = (replace(PROVED[0], window_ends_at=NOON + 6 * HOUR),)
    decision = ask(visit(), History(proofs=proofs))
    assert (rules_of(decision), decision.retry_at) == ({"CN-VIS-07-NOTICE"}, NOON + 6 * HOUR)


def test_an_old_proof_opens_no_door():
    proofs = (replace(PROVED[0], delivered_at=NOON - 181 * DAY),)
    assert rules_of(ask(visit(), History(proofs=proofs))) == {"CN-VIS-07-NOTICE"}


def test_a_second_visit_waits_for_the_eighth_day():
    before = (Contacted("V-0", "visit", NOON),)
    decision = ask(visit(NOON + 3 * DAY), History(before, proofs=PROVED))
    assert rules_of(decision) == {"CN-VIS-07"}
    assert decision.retry_at == datetime(2026, 3, 11, 0, 0, tzinfo=UTC)
    assert ask(visit(NOON + 7 * DAY), History(before, proofs=PROVED)).allowed


def test_a_visit_may_not_come_shortly_before_one_that_is_already_permitted():
    ahead = (Contacted("V-0", "visit", NOON + 3 * DAY),)
    assert rules_of(ask(visit(), History(ahead, proofs=PROVED))) == {"CN-VIS-07"}


def test_a_window_that_has_passed_is_denied():
    decision = ask(visit(), now=NOON + 4 * HOUR)
    assert rules_of(decision) == {"GATE-WINDOW"}


@pytest.mark.parametrize(
    ("who", "book", "rule"),
    [
        (profile(region="CN-XX"), CN, "GATE-REGION"),
        (profile(region="FR-75"), None, "GATE-REGION"),
        (profile(region="FR-75"), CN, "GATE-REGION"),
        (profile(region=""), CN, "GATE-REGION"),
        (profile(time_zone="Asia/Atlantis"), CN, "GATE-TIME-ZONE"),
        (profile(time_zone="../../etc/passwd"), CN, "GATE-TIME-ZONE"),
        (profile(time_zone=""), CN, "GATE-TIME-ZONE"),
    ],
)
def test_what_is_not_known_is_denied_with_that_reason(who, book, rule):
    decision = ask(message(), who=who, book=book)
    assert (rules_of(decision), decision.retry_at) == ({rule}, None)


def test_nobody_is_contacted_of_whom_nothing_is_known():
    from services.rulebook.gate import decide

    decision = decide(message(), History(), None, CN, NOON)
    assert [reason.text for reason in decision.reasons] == ["no time zone known"]


def test_a_calendar_of_an_unknown_year_denies():
    india = load_rulebook("IN")
    who = profile(region="IN-MH", time_zone="Asia/Kolkata")
    holiday = datetime(2026, 10, 2, 6, 0, tzinfo=UTC)
    on_holiday = ask(call(holiday, products=("consumer_loan",)), who=who, book=india)
    assert (rules_of(on_holiday), on_holiday.retry_at) == ({"IN-D-04"}, datetime(2026, 10, 3, 2, 30, tzinfo=UTC))
    unknown = ask(call(datetime(2031, 3, 4, 6, 0, tzinfo=UTC)), who=who, book=india)
    assert rules_of(unknown) == {"IN-D-04"}
    assert "the calendar holidays is not known for 2031" in unknown.reasons[0].text
    assert unknown.retry_at is None


def test_american_calls_rest_seven_days_after_a_conversation_and_never_pass_seven_in_seven():
    america = load_rulebook("US")
    who = profile(region="US-NY", time_zone="America/New_York")
    noon = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
    talked = History((Contacted("X-1", "voice", noon - DAY, "T-1", ("L-1",)),))
    decision = ask(call(noon), talked, who, america)
    assert rules_of(decision) == {"US-FREQ-02"}
    assert decision.retry_at == datetime(2026, 3, 10, 12, 0, tzinfo=UTC), "08:00, summer time since Sunday"
    assert ask(call(noon, loan_ids=("L-2",)), talked, who, america).allowed, "it is counted per debt"
    rung = History(
        tuple(Contacted(f"X-{n}", "voice", noon - HOUR - n * DAY, "T-1", ("L-1",), connected=False) for n in range(7))
    )
    assert rules_of(ask(call(noon), rung, who, america)) == {"US-FREQ-01"}


def test_british_visitors_leave_the_vulnerable_in_peace():
    who = profile(region="GB-ENG", time_zone="Europe/London", vulnerable=True)
    assert rules_of(ask(visit(NOON + 6 * HOUR), who=who, book=load_rulebook("UK"))) == {"UK-VIS-02"}


def test_a_decision_is_made_again_from_what_was_kept_of_it():
    history = History(made(3), (Hold("H-1", "promise", NOON, NOON + HOUR),), proofs=PROVED)
    who = profile(consents=(Consent("CO-1", "night_contact", NOON),))
    kept = as_json(Inputs(call(), history, who, NOON))
    assert rerun(kept, CN) == ask(call(), history, who)


def test_a_rule_that_ends_gives_its_end_as_the_time_to_retry():
    ending = replace(CN, rules=tuple(replace(r, effective_to=NOON.date()) for r in CN.rules if r.id == "CN-WHO-01"))
    decision = ask(message(party="contact_person"), book=ending)
    assert decision.retry_at == datetime(2026, 3, 4, 16, 0, tzinfo=UTC)


def test_an_override_counts_from_the_day_on_which_the_houses_own_rule_becomes_one_that_gives_way():
    """Until then it is the house's policy, which no single contact overrides."""
    before = datetime(2026, 6, 19, 8, 0, tzinfo=UTC)
    who = profile(region="IN-MH", time_zone="Asia/Kolkata")
    at_work = visit(before, place="work", until=None, products=("consumer_loan",), overrides={"IN-D-03": "asked for"})
    proofs = (replace(PROVED[0], delivered_at=before - 10 * DAY, window_ends_at=before - 5 * DAY),)
    decision = ask(at_work, History(proofs=proofs), who, load_rulebook("IN"))
    assert rules_of(decision) == {"IN-D-03"}
    assert decision.retry_at == datetime(2026, 7, 1, 2, 30, tzinfo=UTC)
