"""`arrears rules` over the ledger of a running system: what it explains, re-runs and compares is what was recorded."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kafka import KafkaConsumer
from psycopg.rows import dict_row
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner

from deploy.cli import app
from deploy.local.topics import create_topics
from deploy.trace import notice_of
from schemas.contacts import ContactAllowed, ContactCancelled
from schemas.control import RulebookActivated
from services.kit.bench import Bench
from services.kit.clock import ManualClock
from services.kit.database import engine_for
from services.kit.migrate import migrate
from services.notifier.app import service
from services.notifier.rulebook_watch import Watch
from services.notifier.store import contacts
from services.rulebook.calendars import FOLDER as CALENDARS
from services.rulebook.packs import FOLDER
from services.rulebook.shelf import load_rulebooks
from services.rulebook.strategy import FOLDER as STRATEGIES
from tests.notifier.edge import MORNING, overdue, recorded

NIGHT = MORNING + timedelta(hours=13)


def arrears(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["rules", *(str(argument) for argument in arguments)])


def said(*arguments: object) -> Any:
    result = arrears(*arguments, "--json")
    return json.loads(result.stdout)


def test_files_in_order_pass_and_wrong_ones_are_told_line_by_line(tmp_path: Path) -> None:
    assert arrears("check", FOLDER / "cn-2.toml", STRATEGIES / "default-v1.toml").exit_code == 0
    wrong = tmp_path / "mine.toml"
    wrong.write_text((FOLDER / "cn-2.toml").read_text(encoding="utf-8").replace("maximum = 6", "maximum = 'six'"))
    result = arrears("check", wrong)
    assert (result.exit_code, result.stdout) == (
        1,
        "mine.toml:90: rules[5].parameters.maximum: must be a whole number\n",
    )


def test_every_shipped_file_is_in_order_and_named_for_what_it_is() -> None:
    found = said("check", *FOLDER.glob("*.toml"), *STRATEGIES.glob("*.toml"), *CALENDARS.glob("*"))
    what = {Path(name).name: one for name, one in found["files"].items()}
    assert (found["ok"], found["problems"]) == (True, [])
    assert what["in-force.toml"] == "versions that the house begins with: CN 2, IN 2, UK 2, US 2"
    assert what["cn-2.toml"] == f"pack {load_rulebooks().books['CN']['2'].label}, shipped"
    assert what["CN-2026.toml"].startswith("calendar CN 2026, ")
    assert what["default-v2.toml"].startswith("strategy default-v2@")


def test_a_pack_beside_a_calendar_makes_its_jurisdiction_known(tmp_path: Path) -> None:
    pack, calendar = tmp_path / "fr-1.toml", tmp_path / "FR-2027.csv"
    text_ = (FOLDER / "uk-2.toml").read_text(encoding="utf-8")
    text_ = text_.replace('jurisdiction = "UK"', 'jurisdiction = "FR"').replace('"GB', '"FR')
    pack.write_text(text_, encoding="utf-8")
    calendar.write_text("date,kind,name\n2027-07-14,holiday,x\n", encoding="utf-8")
    assert arrears("check", calendar).exit_code == 1
    together = said("check", calendar, pack)
    assert (together["problems"], len(together["warnings"])) == ([], 1), "no shipped rule book is of that country"


def test_an_instant_without_offset_and_an_unknown_version_are_refused(tmp_path: Path) -> None:
    assert arrears("activate", "CN", "2", "--reason", "x", "--at", "2026-12-01").exit_code == 2
    assert arrears("activate", "CN", "9", "--reason", "x", "--at", "2026-12-01T00:00:00+08:00").exit_code == 2
    assert arrears("diff", "CN-1", "CN-9", "--var", tmp_path).exit_code == 2


def test_an_instant_that_has_passed_must_be_meant(tmp_path: Path) -> None:
    given = ("activate", "CN", "2", "--reason", "x", "--at", "2020-01-01T00:00:00+08:00", "--var", tmp_path)
    refused = arrears(*given)
    assert (refused.exit_code, "has passed" in refused.stderr) == (2, True)
    assert "arrears up" in arrears(*given, "--yes").stderr, "meant, it is taken as far as there is a system"


def test_a_system_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    assert arrears("replay", "--var", tmp_path).exit_code == 3


# -- on a real ledger -------------------------------------------------------------------------------------------------


@pytest.fixture
def url(fresh_database: Callable[[], str]) -> str:
    return fresh_database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = engine_for(url, "notifier")
    migrate(made, "notifier")
    yield made
    made.dispose()


@pytest.fixture
def bench(engine: Engine) -> Bench[Any, Any]:
    """Some are written to by day; some fall overdue at night and are left in peace."""
    desk = Bench(service(), engine, ManualClock(MORNING))
    desk.deliver(*(recorded(f"B-{n}") for n in range(1, 7)), *(overdue(f"B-{n}") for n in range(1, 4)))
    desk.clock.instant = NIGHT
    desk.deliver(*(overdue(f"B-{n}") for n in range(4, 7)))
    return desk


@pytest.fixture
def var(bench: Bench[Any, Any], url: str, tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoints.json").write_text(json.dumps({"database": url, "kafka": "none"}))
    return tmp_path


@pytest.mark.stack
def test_every_recorded_decision_made_again_comes_out_alike(var: Path) -> None:
    found = said("replay", "--var", var)
    assert found["decisions"] >= 6
    assert (found["otherwise"], list(found["by_rulebook"])) == (0, [load_rulebooks().books["CN"]["2"].label])


@pytest.mark.stack
def test_a_ledger_that_somebody_changed_is_found_out(var: Path, engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text("UPDATE decisions SET allowed = NOT allowed WHERE borrower_id = 'B-1'"))
        db.execute(text("UPDATE decisions SET retry_at = retry_at + interval '1 second' WHERE borrower_id = 'B-5'"))
    result = arrears("replay", "--var", var)
    assert result.exit_code == 1
    assert "allowed: recorded False, again True" in result.stdout
    assert "retry_at: recorded" in result.stdout


@pytest.mark.stack
def test_a_version_that_is_not_here_any_more_is_named(var: Path, engine: Engine) -> None:
    with engine.begin() as db:
        db.execute(text("UPDATE decisions SET rulebook = 'CN-0@00000000' WHERE borrower_id = 'B-1'"))
    assert "the rule book CN-0@00000000 is not here" in arrears("replay", "--var", var).stdout


@pytest.mark.stack
def test_a_denial_is_explained_in_both_languages(var: Path, engine: Engine) -> None:
    with engine.connect() as db:
        id_ = db.scalar(text("SELECT decision_id FROM decisions WHERE NOT allowed AND borrower_id = 'B-4'"))
    (told,) = said("explain", id_, "--var", var)
    english, chinese = " ".join(told["en"]), "".join(told["zh"])
    assert "was not allowed" in english
    assert "4 March 2026, 23:00" in english
    assert (
        "CN-TIME-02 (must not, by self-regulation of the trade; certainty: secondary source ×6;"
        " CBA 2026 (article unknown)): Collection from 22:00 to 08:00"
    ) in english
    assert "It can be allowed from 5 March 2026, 08:00 at the earliest." in english
    assert (
        "CN-TIME-02（禁止，依行业自律规范；确定程度：二手来源×6；依据：中国银行业协会《金融机构个人消费类贷款催收工作"
        "指引（试行）》（2026年）（条文号不详））：未经债务人同意，严禁在22:00至次日08:00催收。"
    ) in chinese
    assert "最早可于2026年3月5日08:00获准。" in chinese


@pytest.mark.stack
def test_an_unknown_decision_is_said_so(var: Path) -> None:
    assert arrears("explain", "nothing", "--var", var).exit_code == 1


@pytest.mark.stack
def test_a_new_version_is_weighed_over_what_was_proposed(var: Path, tmp_path: Path) -> None:
    strict = tmp_path / "strict.toml"
    pack = (FOLDER / "cn-2.toml").read_text(encoding="utf-8").replace('version = "2"', 'version = "3"')
    asking = 'kind = "consent"\nparameters = { consent = "channel" }'
    strict.write_text(pack.replace('kind = "cap"\nparameters = { maximum = 2 }', asking, 1), encoding="utf-8")
    assert set(said("diff", "CN-1", "CN-2", "--var", var)["changes"]) == {"same"}
    found = said("diff", "CN-2", strict, "--var", var)
    assert found["changes"] == {"newly denied": 3, "other reasons": 3}
    assert (found["reasons_added"], found["reasons_removed"]) == ({"CN-FREQ-05-SMS": 6}, {})
    back = arrears("diff", strict, "CN-2", "--var", var).stdout
    assert "Reasons removed: 6 CN-FREQ-05-SMS." in back
    assert back.count(": newly allowed -CN-FREQ-05-SMS\n") == 3


@pytest.mark.stack
def test_an_activation_is_said_on_the_control_topic(kafka_bootstrap: str, url: str, var: Path) -> None:
    create_topics(kafka_bootstrap)
    (var / "run" / "endpoints.json").write_text(json.dumps({"kafka": kafka_bootstrap, "database": url}))
    at, given = "2127-01-01T00:00:00+08:00", ("--reason", "audit", "--by", "officer-7", "--var", var)
    result = arrears("activate", "cn", "1", "--at", at, *given, "--json")
    answer = json.loads(result.stdout)
    assert "CN-1 is older than CN-2" in result.stderr
    assert arrears("activate", "cn", "2", "--at", at, *given).stderr == ""
    consumer = KafkaConsumer(
        RulebookActivated.TOPIC.name, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", group_id=None
    )
    told = [r.value for records in consumer.poll(10_000, max_records=500).values() for r in records]
    consumer.close()
    (event,) = [e for e in map(json.loads, told) if e["id"] == answer["event_id"]]
    assert (event["subject"], event["data"]["version"], event["data"]["by"]) == ("CN", "1", "officer-7")


@pytest.mark.stack
def test_what_another_version_had_allowed_is_asked_anew_at_once(engine: Engine) -> None:
    """Ops say it late: the watch wakes whoever has something open."""
    desk: Bench[Any, Any] = Bench(service(), engine, ManualClock(MORNING))
    desk.deliver(recorded("B-1"), overdue("B-1"))
    watch = Watch(desk.runtime, load_rulebooks())
    watch.look()
    assert desk.tick_due() == 0
    values = {"target": "CN", "reason": "audit", "by": "ops", "version": "1", "effective_from": MORNING}
    desk.deliver(RulebookActivated(**values))
    watch.look()
    assert desk.tick_due() == 1
    assert [gone.reason for gone in desk.said_of(ContactCancelled)] == ["replanned"]
    assert [allowed.rulebook.split("@")[0] for allowed in desk.said_of(ContactAllowed)] == ["CN-2", "CN-1"]
    watch.look()
    assert desk.tick_due() == 0


@pytest.mark.stack
def test_what_ops_activated_is_listed_beside_what_is_installed(var: Path, bench: Bench[Any, Any]) -> None:
    values = {"target": "CN", "reason": "audit", "by": "officer-7", "version": "1", "effective_from": NIGHT}
    bench.deliver(RulebookActivated(**values))
    found = said("list", "--var", var)
    assert [(one["target"], one["version"], one["said_by"]) for one in found["activated"]] == [("CN", "1", "officer-7")]
    assert {one["label"] for one in found["rulebooks"]} == {book.label for book in load_rulebooks().versions()}
    assert "Activated by officer-7: CN 1 from 2026-03-04T15:00:00+00:00: audit" in arrears("list", "--var", var).stdout


def demanded(engine: Engine, url: str) -> None:
    """What B-1 owes fell due on 3 March, and the notice is proved to have arrived."""
    other = engine_for(url, "assignment")
    migrate(other, "assignment")
    known = {"loans": [{"loan_id": "L-B-1", "oldest_due": "2026-03-03"}, {"loan_id": "L-9", "oldest_due": None}]}
    with other.begin() as db:
        db.execute(
            text("INSERT INTO states (borrower_id, partition, version, state) VALUES ('B-1', 0, 1, :state)"),
            {"state": json.dumps(known)},
        )
    other.dispose()
    with engine.begin() as db:
        db.execute(
            text("UPDATE contacts SET delivered_at = :at, proof = :proof WHERE borrower_id = 'B-1'"),
            {"at": NIGHT + timedelta(hours=4), "proof": json.dumps({"proof_id": "PF-N-B-1-1"})},
        )


@pytest.mark.stack
def test_the_limitation_clock_is_read_from_the_ledgers(var: Path, engine: Engine, url: str) -> None:
    demanded(engine, url)
    (clock,) = said("limitation", "B-1", "--var", var)
    assert (clock["loan_id"], clock["known"]["barred_from"]) == ("L-B-1", "2029-03-05"), "the borrower's own day"
    text_ = arrears("limitation", "B-1", "--var", var).stdout
    assert "barred from 2029-03-05 on (in doubt a day early rather than late)." in text_
    assert "2026-03-05  demand by sms (PF-N-B-1-1 of N-B-1-1): counts" in text_


@pytest.mark.stack
@pytest.mark.parametrize("notice", ["N-B-1-1", "N-B-1-7"])
def test_a_demand_that_reached_somebody_else_begins_nothing_anew(
    var: Path, engine: Engine, url: str, notice: str
) -> None:
    """By this very notice or another one to the same number; what was answered there before is void too."""
    demanded(engine, url)
    with engine.begin() as db:
        if notice != "N-B-1-1":
            row = db.execute(text("SELECT * FROM contacts WHERE contact_id = 'N-B-1-1'")).mappings().one()
            other = {name: value for name, value in row.items() if name not in ("proof", "delivered_at")}
            db.execute(insert(contacts).values({**other, "contact_id": notice}))
        for answer in ("will_pay", "wrong_person"):
            db.execute(
                text("INSERT INTO answers VALUES (:id, :notice, 'B-1', :answer, :at, :details)"),
                {"id": answer, "notice": notice, "answer": answer, "at": NIGHT, "details": '{"loan_ids": ["L-B-1"]}'},
            )
    (clock,) = said("limitation", "B-1", "--var", var)
    assert clock["known"]["barred_from"] == "2029-03-03"
    assert {link["verdict"] for link in clock["known"]["chain"]} == {"not received for the debtor"}


@pytest.mark.stack
def test_the_evidence_of_the_clock_can_be_traced(var: Path, engine: Engine, url: str) -> None:
    demanded(engine, url)
    with psycopg.connect(url, row_factory=dict_row) as db:
        assert [notice_of(db, id_) for id_ in ("PF-N-B-1-1", "PF-nothing", "N-B-1-1")] == [
            "N-B-1-1",
            "PF-nothing",
            "N-B-1-1",
        ]
