"""Packs and strategies are read with the line of every mistake; nothing of a wrong file is used."""

import re
from dataclasses import replace
from datetime import date

import pytest

from services.rulebook.entrustment import AgencyOnPaper, forbids
from services.rulebook.packs import FOLDER, load_rulebook
from services.rulebook.reading import BadPack
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import FOLDER as STRATEGIES
from services.rulebook.strategy import load_strategy
from tests.rulebook.asking import CN

PACK = (FOLDER / "cn-2.toml").read_text(encoding="utf-8")
STRATEGY = (STRATEGIES / "default-v1.toml").read_text(encoding="utf-8")


def problems(tmp_path, text, load=load_rulebook):
    path = tmp_path / f"bad-{abs(hash(text))}.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadPack) as caught:
        load(path)
    return [problem.removeprefix(f"{path.name}:") for problem in caught.value.problems]


def line_of(text, part, nth=0):
    return [number for number, line in enumerate(text.splitlines(), 1) if part in line][nth]


def test_every_pack_of_the_house_reads():
    books = load_rulebooks()
    assert set(books) == {"CN", "US", "IN", "GB"}
    assert all(book.label.startswith(book.jurisdiction) for book in books.versions())


def test_house_rules_are_never_shown_as_regulation():
    for book in load_rulebooks().versions():
        for rule in book.rules:
            assert (rule.force == "POLICY") == ("house" in f"{rule.clause} {rule.text}".lower()), rule.id


def test_a_wrong_value_is_named_with_its_line_and_field(tmp_path):
    text = PACK.replace('start = "22:00"', 'start = "22 o\'clock"', 1)
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{line_of(text, 'clock')}: rules[0].parameters.start: ")


def test_a_missing_field_is_placed_at_its_table(tmp_path):
    text = PACK.replace('certainty = "secondary source ×4"\n', "", 1)
    assert problems(tmp_path, text) == [f"{line_of(text, '[[rules]]')}: rules[0].certainty: is missing"]


def test_a_misspelt_field_is_not_passed_over(tmp_path):
    text = PACK.replace("maximum = 6", "maximun = 6", 1)
    found = problems(tmp_path, text)
    assert f"{line_of(text, 'maximun')}: rules[5].parameters.maximun: is not a field of this table" in found


def test_an_unknown_kind_is_refused_with_those_that_are_known(tmp_path):
    text = PACK.replace('kind = "staffing"', 'kind = "filming"')
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"{line_of(text, 'filming')}: rules[")
    assert "'filming' is not one of blackout, borrower_status, cap," in problem


def test_all_mistakes_are_told_at_once(tmp_path):
    text = (
        PACK.replace('id = "CN-TIME-02"', 'id = "CN-TIME-01"')
        .replace('"CN-AH"', '"US-AH"')
        .replace("days = 7", "x = 7")
    )
    found = problems(tmp_path, text)
    assert any("rules[1].id: CN-TIME-01 comes twice" in problem for problem in found)
    assert any("regions: US-AH does not belong to CN" in problem for problem in found)
    assert any("parameters.x: is not a field of this table" in problem for problem in found)


def test_a_pack_that_forgets_a_kind_of_stop_is_refused(tmp_path):
    text = PACK.replace('kind = "stop_request"', 'kind = "vulnerability"')
    assert [problem.partition(": ")[2] for problem in problems(tmp_path, text)] == [
        "rules: no rule of kind stop_request"
    ]


def test_text_that_is_not_toml_is_placed_too(tmp_path):
    (problem,) = problems(tmp_path, PACK.replace("[[rules]]", "[[rules]", 1))
    assert problem.startswith(f"{line_of(PACK, '[[rules]]')}: file: not TOML: ")


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(BadPack, match=r"nowhere\.toml:1: file: cannot be read"):
        load_rulebook(tmp_path / "nowhere.toml")


def test_a_strategy_tells_its_mistakes_the_same_way(tmp_path):
    text = re.sub(r"(\[\[visit.windows\]\]\n.*\n)end = .*", r'\1end = "08:00"', STRATEGY, count=1)
    text = text.replace('step = "letter"', 'step = "notice"')
    second = line_of(text, 'step = "notice"', 1)
    assert problems(tmp_path, text, load_strategy) == [
        f"{second}: ladder.steps[3].step: notice comes twice",
        f"{line_of(text, '[[visit.windows]]')}: visit.windows[0]: ends at 08:00, before it starts",
    ]


def test_a_strategy_that_weighs_recovery_alone_is_refused(tmp_path):
    text = STRATEGY.replace("conduct = 30", "conduct = 0")
    (problem,) = problems(tmp_path, text, load_strategy)
    assert problem.startswith(f"{line_of(text, 'conduct = 0')}: placement.weights.conduct: is 0: recovery is never")


def test_amounts_in_a_strategy_are_exact(tmp_path):
    assert str(load_strategy().legal.amount_above) == "3000.00"
    assert load_strategy().label.startswith("default-v1@")


def test_another_text_is_another_version(tmp_path):
    path = tmp_path / "cn.toml"
    path.write_text(PACK.replace("maximum = 6", "maximum = 5"), encoding="utf-8")
    assert load_rulebook(path).label != CN.label


def test_the_house_keeps_a_rule_early_as_its_own_policy():
    staffing = next(rule for rule in CN.rules if rule.id == "CN-VIS-01")
    assert staffing.force_on(date(2026, 1, 29)) == "POLICY"
    assert staffing.force_on(date(2026, 1, 30)) == "HARD"
    assert staffing.force_on(date(2025, 1, 1)) is None


def agency(**changes):
    day = date(2026, 12, 31)
    values = {"whitelisted": True, "licensed_until": day, "inspected_on": date(2026, 1, 1)}
    values |= {"evaluated_on": date(2026, 1, 1), "certified_until": (day, day)}
    return AgencyOnPaper(**{**values, "mandate_from": date(2026, 1, 1), "mandate_until": day, **changes})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"whitelisted": False}, "CN-AG-01"),
        ({"licensed_until": date(2026, 2, 28)}, "CN-AG-01"),
        ({"licensed_until": None}, "CN-AG-01"),
        ({"inspected_on": date(2024, 1, 1)}, "CN-AG-02"),
        ({"inspected_on": None}, "CN-AG-02"),
        ({"evaluated_on": date(2024, 1, 1), "mandate_from": date(2024, 1, 1)}, "CN-AG-03"),
        ({"evaluated_on": None, "mandate_from": date(2024, 1, 1)}, "CN-AG-03"),
        ({"certified_until": (date(2026, 12, 31), date(2026, 2, 28))}, "CN-ST-02"),
        ({"mandate_until": date(2026, 2, 28)}, "CN-AG-08"),
        ({"mandate_from": date(2026, 4, 1)}, "CN-AG-08"),
    ],
)
def test_an_agency_that_lacks_something_is_not_entrusted(changes, rule):
    assert [reason.rule_id for reason in forbids(agency(**changes), CN, date(2026, 3, 1))] == [rule]


def test_an_agency_with_everything_may_be_entrusted():
    assert forbids(agency(), CN, date(2026, 3, 1)) == ()


def test_a_new_agency_has_a_year_until_its_first_evaluation():
    new = agency(evaluated_on=None, mandate_until=date(2028, 1, 1), inspected_on=date(2027, 1, 1))
    new = replace(new, licensed_until=date(2028, 1, 1), certified_until=(date(2028, 1, 1),) * 2)
    assert forbids(new, CN, date(2027, 1, 2)) == ()
    assert [reason.rule_id for reason in forbids(new, CN, date(2027, 1, 3))] == ["CN-AG-03"]
