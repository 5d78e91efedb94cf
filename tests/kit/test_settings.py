"""A setting that is wrong is one line and exit status 2: no traceback, and nothing that cannot come is waited for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.kit.clock import SYSTEM, clock_from
from services.kit.settings import Settings, make_folder, read_settings
from tests.kit.cluster import CHECKOUT

RIGHT = {
    "ARREARS_KAFKA_BOOTSTRAP": "localhost:9092",
    "ARREARS_DATABASE_URL": "postgresql://notifier:secret@localhost:5432/arrears",
}
OWN = {
    "notifier": {
        "ARREARS_SMPP_HOST": "localhost",
        "ARREARS_SMTP_HOST": "localhost",
        "ARREARS_PRINT_DIR": "/tmp",
        "ARREARS_LINK_BASE": "http://localhost",
        "ARREARS_LINK_KEY": "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0=",
    },
    "assignment": {},
    "visits": {"ARREARS_LINK_KEY": "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0="},
    "reporting": {},
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Reads the settings under changed ones; answers what it says on its way out with status 2."""

    def read(**changed: str) -> list[str]:
        for name, value in {**RIGHT, **changed}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            read_settings(Settings)
        assert end.value.code == 2
        return capsys.readouterr().err.splitlines()

    return read


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**RIGHT, "ARREARS_KAFKA_BOOTSTRAP": " a.example:9092, [::1]:9093 "}.items():
        monkeypatch.setenv(name, value)
    settings = read_settings(Settings)
    assert settings.kafka_bootstrap == "a.example:9092,[::1]:9093"
    assert settings.database_url.get_secret_value() == RIGHT["ARREARS_DATABASE_URL"]


@pytest.mark.parametrize(
    "address", ["nonsense", "localhost:", "localhost:0", "localhost:70000", "a:1,b", "", "x://a:1"]
)
def test_a_broker_without_a_port_is_refused_instead_of_waited_for(told, address: str) -> None:
    (line,) = told(ARREARS_KAFKA_BOOTSTRAP=address)
    assert line.startswith("arrears: ARREARS_KAFKA_BOOTSTRAP: ")
    assert "host:port" in line


@pytest.mark.parametrize("name", ["ARREARS_DATABASE_URL", "ARREARS_VAULT_URL"])
@pytest.mark.parametrize("url", ["garbage", "mysql://u:hunter2@h/x", "postgresql://u:hunter2@h:port/x"])
def test_another_database_than_postgresql_is_refused_and_no_password_shown(told, name: str, url: str) -> None:
    (line,) = told(**{name: url})
    assert line.startswith(f"arrears: {name}: is ")
    assert "hunter2" not in line


def test_a_file_that_holds_no_text_is_named(told, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\x7fELF\xff\xfe")
    assert told(ARREARS_MASTER_KEY_FILE=str(file)) == [f"arrears: ARREARS_MASTER_KEY_FILE: {file} holds no text"]


@pytest.mark.parametrize("factor", ["nan", "inf", "-inf", "1e308", "1e-308", "0", "-1"])
def test_a_clock_that_no_instant_can_be_told_by_is_refused(factor: str) -> None:
    with pytest.raises(ValueError, match="factor"):
        clock_from(f"scaled|2026-01-05T00:00:00+00:00|2026-11-23T10:00:00+00:00|{factor}")
    assert clock_from("system") is SYSTEM


def test_a_folder_is_made_and_one_that_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder("DATA_DIR", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as end:
        make_folder("DATA_DIR", tmp_path / "file" / "b")
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"arrears: ARREARS_DATA_DIR: {tmp_path / 'file' / 'b'} cannot be made: ")


@pytest.mark.parametrize("service", sorted(OWN))
def test_a_country_without_a_rule_book_is_refused_by_every_service(service: str, tmp_path: Path) -> None:
    told = {**RIGHT, **OWN[service], "ARREARS_JURISDICTION": "XX", "ARREARS_DATA_DIR": str(tmp_path)}
    plain = {name: value for name, value in os.environ.items() if not name.startswith("ARREARS_")}
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=CHECKOUT,
        env={**plain, **told},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("arrears: ARREARS_JURISDICTION: 'XX' has no ")
    assert "CN, IN, UK, US" in line
