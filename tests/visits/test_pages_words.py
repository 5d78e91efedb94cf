"""The service's pages say what it decided in the reader's language, and lead who is lost to the right place."""

import ast
import inspect
import math
import re
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.agencies import Evidence
from services.kit.pages import LANGUAGES, load_phrases
from services.visits.api import said
from services.visits.api.base import PAGES
from services.visits.domain import conduct, dispositions, life, results, stops
from services.visits.domain.conduct import distance_metres, farthest_metres, in_order, point_of
from tests.visits.building import NOON

PHRASES = load_phrases(PAGES)


def worded(text: str, language: str) -> str:
    phrases = PHRASES[language]
    context = {"t": lambda _context, key, **values: phrases[key].format(**values), "lang": language}
    return said.worded(context, text)


def sentences(*modules: ModuleType) -> Iterator[str]:
    """Every sentence for people in the source of these modules; what is filled in is filled with `cured`."""
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # what explains the code
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "cured" for part in node.values)
            else:
                continue
            if re.fullmatch(r"[A-Z][^\n]* [^\n]*", text):
                yield text


SAID = sorted(set(sentences(conduct, dispositions, results, life, stops)))


def test_the_domain_says_something_for_people():
    assert len(SAID) > 15


@pytest.mark.parametrize("text", SAID)
def test_each_sentence_of_the_domain_has_a_chinese_one(text):
    if text.startswith(("The visit is over: ", "The placement is over: ")):
        text = text.replace("cured", "cancelled", 1) if "visit" in text.split(":")[0] else text
    assert re.search(r"[一-鿿]", worded(text, "zh-CN")), text
    assert worded(text, "en")


def test_every_word_for_a_reason_has_a_name_in_each_language():
    for word in said.WORDS:
        assert worded(word, "zh-CN") != word
        assert worded(word, "en")


def test_a_visit_that_was_called_off_for_a_payment_is_told_in_chinese():
    assert worded("The visit is over: cancelled, payment", "zh-CN") == "此次外访已结束：已取消，情况有变化。"
    assert worded("The visit is over: completed, not_home", "zh-CN") == "此次外访已结束：已完成，无人在家。"
    assert worded("The visit is over: aborted, The placement was recalled: term_ended.", "zh-CN").count("委托期满") == 1


def test_what_evidence_is_missing_is_named_in_the_readers_language():
    assert worded("Evidence is missing: photo, audio.", "zh-CN") == "缺少证据：照片、录音。"
    assert worded("Evidence is missing: photo, audio.", "en") == "Evidence is missing: photograph, sound recording."


def test_several_problems_in_one_reason_are_told_one_after_the_other():
    text = "Name the visitors who were there, of S-1 + S-2. A visit cannot end before it begins."
    assert worded(text, "zh-CN") == "须写明计划小组的两名人员：S-1 + S-2。结束时间不能早于开始时间。"


def test_what_a_person_wrote_stays_as_it_was_written():
    assert worded("the dog bit us", "zh-CN") == "the dog bit us"
    assert worded("", "zh-CN") == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_name_where_a_code_is_checked(language):
    assert "{where}" in PHRASES[language]["door.code_hint"]


# -- places -----------------------------------------------------------------------------------------------------------

NOWHERE = ["inf", "-inf", "nan", "1e999", "91", "-90.001", "x", "", None, math.inf, math.nan]


@pytest.mark.parametrize("latitude", NOWHERE)
def test_what_is_no_place_on_earth_is_not_known(latitude):
    assert point_of(latitude, "114.05") is None
    assert point_of("22.5", "180.5") is None
    assert point_of("0", 0.0) == (0.0, 0.0)


@given(st.lists(st.tuples(st.floats() | st.text(max_size=4), st.floats() | st.text(max_size=4)), max_size=6))
def test_an_order_to_drive_and_a_distance_are_found_whatever_the_addresses_say(told):
    points = [point_of(*each) for each in told]
    assert sorted(in_order(points)) == list(range(len(points)))
    known = [point for point in points if point]
    assert all(0 <= distance_metres(a, b) <= 20_100_000 for a in known for b in known)


def test_evidence_that_names_no_place_on_earth_says_nothing_of_where_it_was_taken():
    def taken(latitude: float) -> Evidence:
        return Evidence(kind="photo", digest="a" * 64, taken_at=NOON, latitude=latitude, longitude=114.0)

    assert farthest_metres([taken(math.inf), taken(math.nan), taken(400.0)], (22.5, 114.0)) is None
    assert farthest_metres([taken(math.inf), taken(22.5)], (22.5, 114.0)) == 0


@pytest.mark.parametrize(
    ("text", "language", "shown"),
    [
        ("借款人搬家了", "en", '<span lang="zh-CN">借款人搬家了</span> <small>(written in Chinese)</small>'),
        ("they moved away", "zh-CN", '<span lang="en">they moved away</span> <small>（原文为英文）</small>'),
        ("they moved away", "en", "they moved away"),
        ("cured", "zh-CN", worded("cured", "zh-CN")),
    ],
)
def test_a_reason_that_somebody_wrote_in_the_other_language_says_so(text, language, shown):
    phrases = PHRASES[language]
    context = {"t": lambda _context, key, **values: phrases[key].format(**values), "lang": language}
    assert said.quoted(context, text) == shown
