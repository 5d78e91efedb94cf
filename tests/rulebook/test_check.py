"""`rules check`: no wrong file is called in order, no mistake hides another, and no file ends in a traceback."""

import pytest

from services.rulebook.check import check
from services.rulebook.packs import FOLDER, load_rulebook
from services.rulebook.reading import BadPack

PACK = (FOLDER / "cn-2.toml").read_text(encoding="utf-8")


def refused(tmp_path, text, name="cn-9.toml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [problem.removeprefix(f"{name}:") for problem in check(path).problems]


def line_of(part, text=PACK):
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize("name", ["cn-9.toml", "CN-2028.csv", "in-force.toml"])
def test_a_file_in_another_encoding_is_named_with_the_line_where_it_shows(tmp_path, name):
    content = "date,kind,name\n2028-01-01,holiday,元旦\n".encode("gbk")
    assert refused(tmp_path, content, name) == ["2: file: is not UTF-8; save it with this encoding"]


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    calendar = "\ufeffdate,kind,name\r\n2028-01-01,holiday,元旦\r\n"
    assert refused(tmp_path, calendar, "CN-2028.csv") == []
    assert refused(tmp_path, "\ufeff" + PACK) == []
    (tmp_path / "bare.toml").write_text(PACK, encoding="utf-8")
    assert load_rulebook(tmp_path / "cn-9.toml").digest == load_rulebook(tmp_path / "bare.toml").digest


def test_no_mistake_of_a_pack_hides_another(tmp_path):
    text = PACK.replace('force = "HARD"', 'force = "HARSH"', 1).replace('kind = "staffing"', 'kind = "filming"')
    text = text.replace('start = "22:00"', 'start = "25:00"').replace('id = "CN-FREQ-02"', 'id = "CN-FREQ-01"')
    found = "\n".join(refused(tmp_path, text))
    assert "rules[0].force: 'HARSH' is not one of HARD" in found
    assert "'filming' is not one of" in found
    assert "rules[0].parameters.start: must be a time" in found
    assert "rules[1].parameters.start: must be a time" in found
    assert "CN-FREQ-01 comes twice" in found


def test_no_row_of_a_calendar_hides_another(tmp_path):
    rows = "date,kind,name\n2028-01-01,feast,x\n2028-02-30,holiday,y\n2027-01-01,holiday,z\n"
    found = refused(tmp_path, rows, "CN-2028.csv")
    assert [problem.partition(":")[0] for problem in found] == ["2", "3", "4"]


@pytest.mark.parametrize("number", ["0", "-1"])
def test_a_cap_that_lets_nothing_pass_is_no_cap(tmp_path, number):
    text = PACK.replace("{ maximum = 6,", f"{{ maximum = {number},")
    line = line_of(f"maximum = {number},", text)
    assert refused(tmp_path, text) == [f"{line}: rules[5].parameters.maximum: must be at least 1"]


def test_quiet_hours_that_end_when_they_begin_are_refused(tmp_path):
    text = PACK.replace('start = "22:00"', 'start = "08:00"', 1)
    (problem,) = refused(tmp_path, text)
    assert problem.endswith("rules[0].parameters: begins and ends at 08:00, so that no time is quiet")


def test_what_forbids_must_name_its_source(tmp_path):
    text = PACK.replace('clause = "GB/T 45251-2025 §5.3*"\n', "", 1)
    (problem,) = refused(tmp_path, text)
    assert "rules[0].clause: is missing" in problem


def test_a_pack_to_come_says_every_rule_in_chinese_where_it_is_read_out_in_chinese(tmp_path):
    text = PACK.replace('text_zh = "上门全程录音录像。"\n', "")
    (problem,) = refused(tmp_path, text)
    assert problem.endswith(".text_zh: CN-VIS-03 says nothing in Chinese")
    assert load_rulebook(tmp_path / "cn-9.toml").rule("CN-VIS-03"), "and yet a decision that rests on it can be read"


def test_a_rule_covers_only_rules_of_the_reference(tmp_path):
    (problem,) = refused(tmp_path, PACK.replace('covers = ["CN-AI-01"]', 'covers = ["CN-AI-99"]'))
    assert ".covers: CN-AI-99 is no rule of the reference" in problem


def test_a_jurisdiction_of_another_country_is_refused(tmp_path):
    (problem,) = refused(tmp_path, PACK.replace('jurisdiction = "CN"', 'jurisdiction = "FR"'))
    assert problem == f"{line_of('jurisdiction')}: jurisdiction: FR is not the jurisdiction of CN"


def test_a_region_that_no_shipped_pack_knows_is_warned_of(tmp_path):
    (tmp_path / "cn-9.toml").write_text(PACK.replace('"CN-AH"', '"CN-QQ"'), encoding="utf-8")
    found = check(tmp_path / "cn-9.toml")
    assert (found.problems, len(found.warnings)) == ((), 1)
    assert "regions: CN-QQ is in no rule book that is shipped" in found.warnings[0]


def test_a_calendar_of_no_day_or_of_an_unknown_country_is_refused(tmp_path):
    (empty,) = refused(tmp_path, "date,kind,name\n", "US-2028.csv")
    assert "holidays: names no day" in empty
    (unknown,) = refused(tmp_path, "date,kind,name\n2027-01-01,holiday,x\n", "XX-2027.csv")
    assert "jurisdiction: no rule book of 'XX', only of CN, IN, UK, US" in unknown


def test_a_version_to_begin_with_of_a_country_without_rule_book_is_refused(tmp_path):
    assert refused(tmp_path, 'CN = "2"\nXX = "1"\n', "in-force.toml") == [
        "2: XX: no rule book of it, only of CN, IN, UK, US"
    ]


def test_services_too_refuse_what_they_could_only_misread(tmp_path):
    (tmp_path / "cn-9.toml").write_text(PACK.replace("{ maximum = 6,", "{ maximum = 0,"), encoding="utf-8")
    with pytest.raises(BadPack, match="must be at least 1"):
        load_rulebook(tmp_path / "cn-9.toml")
