"""Which version is in force: a function of the instant and of what ops activated. Every version stays."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.rulebook.calendars import is_working_day, load_calendars, read_year, working_days_after
from services.rulebook.catalogue import encodings, load_catalogue, table
from services.rulebook.packs import FOLDER, load_rulebook
from services.rulebook.question import Contacted, History
from services.rulebook.reading import BadPack
from services.rulebook.record import as_json, inputs_of, rerun
from services.rulebook.shelf import Activation, load_rulebooks
from services.rulebook.texts import parts_required
from tests.rulebook.asking import NOON, ask, call, message, profile, rules_of

DAY = timedelta(days=1)
SHELF = load_rulebooks()
ONE, TWO = (SHELF.books["CN"][version] for version in ("1", "2"))


def activated(*said):
    return SHELF.activated(tuple(Activation("CN", version, at) for version, at in said))


def test_before_anything_is_activated_the_house_begins_with_its_own_choice():
    assert SHELF.in_force("CN", NOON) is TWO


def test_a_version_is_in_force_from_its_very_instant():
    shelf = activated(("1", NOON))
    assert shelf.in_force("CN", NOON - timedelta(microseconds=1)).label == TWO.label
    assert shelf.in_force("CN", NOON) is ONE


def test_a_version_knows_when_another_takes_its_place():
    shelf = activated(("1", NOON), ("2", NOON + DAY))
    assert shelf.in_force("CN", NOON - DAY).in_force_until == NOON
    assert shelf.in_force("CN", NOON).in_force_until == NOON + DAY
    assert shelf.in_force("CN", NOON + DAY).in_force_until is None


def test_an_activation_of_what_is_in_force_anyway_ends_nothing():
    shelf = activated(("2", NOON), ("1", NOON + DAY))
    assert shelf.in_force("CN", NOON - DAY).in_force_until == NOON + DAY


def test_of_two_activations_of_one_instant_the_later_word_counts():
    assert activated(("1", NOON), ("2", NOON)).in_force("CN", NOON) is TWO


def test_a_version_that_is_not_here_leaves_no_rule_book_and_is_named():
    shelf = activated(("9", NOON))
    assert shelf.in_force("CN", NOON) is None
    assert [missing.version for missing in shelf.missing()] == ["9"]
    assert rules_of(ask(message(), book=shelf.in_force("CN", NOON) or _none())) == {"GATE-REGION"}


def _none():
    return replace(TWO, country="XX")


def test_other_countries_are_not_touched():
    assert activated(("1", NOON)).for_region("US-NY", NOON).version == "2"


def test_no_permit_outlives_its_version_and_a_denial_is_asked_again_under_the_next():
    ending = activated(("1", NOON + timedelta(hours=2))).in_force("CN", NOON)
    assert ask(message(), book=ending).expires_at == NOON + timedelta(hours=2)
    denied = ask(message(party="contact_person"), book=ending)
    assert denied.retry_at == NOON + timedelta(hours=2)


def test_a_decision_keeps_the_end_of_its_version_as_it_was_known():
    ending = activated(("1", NOON + timedelta(hours=2))).in_force("CN", NOON)
    kept = as_json(inputs_of(message(), History(), profile(), ending, NOON))
    assert rerun(kept, SHELF.labelled(ending.label)) == ask(message(), History(), book=ending)


def test_every_version_is_found_by_the_label_that_decisions_name():
    assert all(SHELF.labelled(book.label) is book for book in SHELF.versions())
    assert SHELF.labelled("CN-2@00000000") is None


def test_histories_are_kept_for_the_version_that_looks_back_farthest():
    assert SHELF.history_days("CN-GD") == max(ONE.history_days, TWO.history_days)


def test_a_house_adds_its_own_version_and_cannot_change_a_shipped_one(tmp_path):
    text = (FOLDER / "cn-2.toml").read_text(encoding="utf-8")
    (tmp_path / "cn-2-strict.toml").write_text(text.replace('version = "2"', 'version = "2-strict"'), encoding="utf-8")
    (tmp_path / "in-force.toml").write_text('CN = "2-strict"\n', encoding="utf-8")
    assert load_rulebooks(tmp_path).in_force("CN", NOON).version == "2-strict"
    again = tmp_path / "more"
    again.mkdir()
    (again / "cn.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BadPack, match=r"cn\.toml:\d+: version: CN 2 is there already"):
        load_rulebooks(again)


# -- calendars --------------------------------------------------------------------------------------------------------

INDIA = profile(region="IN-MH", time_zone="Asia/Kolkata")


def indian(at, book):
    return ask(call(at, products=("consumer_loan",)), who=INDIA, book=book)


def test_ops_complete_the_table_with_a_file_and_the_year_is_known(tmp_path):
    at = datetime(2031, 1, 27, 6, 0, tzinfo=UTC)
    assert rules_of(indian(at, SHELF.in_force("IN", at))) == {"IN-D-04"}
    (tmp_path / "calendars").mkdir()
    rows = "date,kind,name\n2031-01-26,holiday,Republic Day\n2031-02-01,working_day,exchanged\n"
    (tmp_path / "calendars" / "IN-2031.csv").write_text(rows, encoding="utf-8")
    shelf = load_rulebooks(tmp_path)
    assert indian(at, shelf.in_force("IN", at)).allowed
    assert not indian(at - DAY, shelf.in_force("IN", at)).allowed


def test_a_decision_keeps_the_days_that_it_rested_on():
    holiday = datetime(2026, 10, 2, 6, 0, tzinfo=UTC)
    book = SHELF.in_force("IN", holiday)
    proposal = call(holiday, products=("consumer_loan",))
    kept = as_json(inputs_of(proposal, History(), INDIA, book, holiday))
    emptied = replace(book, calendars={})
    assert rerun(kept, emptied) == ask(proposal, History(), INDIA, book)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("IN-2031.csv", "date,kind,name\n2031-01-26,feast,x\n", "IN-2031.csv:2: kind: 'feast' is not"),
        ("IN-2031.csv", "day,kind\n", "IN-2031.csv:1: file: the columns must be date,kind,name"),
        (
            "IN-2031.csv",
            "date,kind,name\n2031-01-26,holiday,x\n26.1.,holiday,y\n",
            "IN-2031.csv:3: holidays.26.1.: is no",
        ),
        ("IN-2031.csv", "date,kind,name\n2030-01-26,holiday,x\n", "IN-2031.csv:2: holidays.2030-01-26: is not in 2031"),
        ("IN.csv", "date,kind,name\n", "IN.csv:1: year: must be"),
        (
            "IN-2031.toml",
            'jurisdiction = "IN"\nyear = 2031\n[holidays]\n2031-02-30 = "x"\n',
            "IN-2031.toml:4: holidays.2031-02-30: is no",
        ),
    ],
)
def test_a_mistake_in_a_calendar_is_named_with_its_line(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(BadPack) as caught:
        read_year(tmp_path / name)
    assert str(caught.value).startswith(problem)


def test_working_days_leave_out_weekends_and_holidays_but_not_the_worked_ones():
    china = load_calendars()["CN"]
    assert is_working_day(china, date(2026, 2, 16)) is False, "new year's eve"
    assert is_working_day(china, date(2026, 2, 14)) is True, "a Saturday worked in exchange"
    assert is_working_day(china, date(2026, 2, 15)) is False, "a Sunday"
    assert is_working_day(china, date(2031, 3, 3)) is None
    assert working_days_after(china, date(2026, 2, 13), 2) == date(2026, 2, 24)
    assert working_days_after(china, date(2026, 12, 30), 5) is None


# -- the table of rules -----------------------------------------------------------------------------------------------


def test_every_rule_of_the_reference_is_in_a_pack_or_says_why_not():
    books = [SHELF.books[country][version] for country, version in SHELF.base.items()]
    silent = [entry.id for entry in load_catalogue() if not entry.why and not any(encodings(entry, books))]
    assert silent == []
    assert len({entry.id for entry in load_catalogue()}) == len(load_catalogue()) == 120


def test_what_a_pack_covers_is_a_rule_of_the_reference():
    known = {entry.id for entry in load_catalogue()}
    assert [c for book in SHELF.versions() for rule in book.rules for c in rule.covers if c not in known] == []


def test_the_page_about_the_rules_is_current():
    page = FOLDER.parents[2] / "docs" / "reference" / "rules.md"
    assert page.read_text(encoding="utf-8") == table(SHELF), "run `arrears rules table > docs/reference/rules.md`"


# -- what is asked elsewhere ------------------------------------------------------------------------------------------


def test_what_a_text_must_say_is_a_rule_too():
    america, china = load_rulebook("US"), load_rulebook("CN")
    assert parts_required(america, "sms", NOON.date())["opt_out"] == ("US-OPT-01",)
    assert "opt_out" not in parts_required(america, "letter", NOON.date())
    assert set(parts_required(china, "letter", NOON.date())) == {"lender", "reason", "amounts", "complaints"}


# -- whom a contact person may be asked about -------------------------------------------------------------------------


def dials(*hours, connected=False, party="debtor"):
    return History(
        tuple(
            Contacted(f"X-{n}", "voice", NOON - timedelta(hours=hour), "T-1", connected=connected, party=party)
            for n, hour in enumerate(hours)
        )
    )


def inquiry(**changes):
    values = {"purpose": "location", "party": "contact_person", "person_id": "CPN-1", **changes}
    return call(contact_point="T-9", **values)


@pytest.mark.parametrize(
    ("history", "rules"),
    [
        (History(), {"CN-WHO-02"}),
        (dials(1, 2, 3), {"CN-WHO-02"}),
        (dials(24, 25, 26), set()),
        (dials(24, 25), {"CN-WHO-02"}),
        (dials(1, 24, 48), set()),
        (dials(1, 48, 72), {"CN-WHO-02"}),
        (dials(24, 25, 26, party="contact_person"), {"CN-WHO-02"}),
        (dials(24, 25, 26, connected=True), {"CN-WHO-02"}),
        (dials(200, 201, 202), {"CN-WHO-02"}),
        (replace(dials(24, 25, 26), refusals=("CPN-1",)), {"CN-WHO-03"}),
        (replace(dials(24, 25, 26), refusals=("CPN-2",)), set()),
    ],
)
def test_a_contact_person_is_asked_only_when_the_debtor_is_lost(history, rules):
    assert rules_of(ask(inquiry(), history)) == rules


def test_three_dials_in_vain_open_the_next_day():
    assert ask(inquiry(), dials(1, 2, 3)).retry_at == datetime(2026, 3, 5, 0, 0, tzinfo=UTC), "08:00, after the quiet"


def test_an_answered_call_begins_the_test_anew():
    history = dials(24, 25, 26)
    later = Contacted("X-9", "voice", NOON - timedelta(hours=2), "T-1")
    assert rules_of(ask(inquiry(), replace(history, contacts=(*history.contacts, later)))) == {"CN-WHO-02"}


@pytest.mark.parametrize("who", [{"status": "deceased"}, {"status": "incapacitated"}, {"number_invalid": True}])
def test_somebody_is_asked_at_once_when_nobody_can_answer(who):
    assert ask(inquiry(), History(), profile(**who)).allowed


def test_a_contact_person_is_told_nothing_of_the_debt():
    asked = ask(inquiry(purpose="call"), dials(24, 25, 26))
    assert rules_of(asked) == {"CN-WHO-01", "CN-WHO-06", "CN-WHO-07"}
