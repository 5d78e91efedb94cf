"""The lock file decides which jars run; a Maven mirror on this machine plays the outside world."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.local.errors import JarNotFetched, JarRefused
from deploy.local.jars import MIRROR_SETTING, locked_jars, read_lock
from deploy.local.kafka import LOCK

CONTENT = b"the bytes of a jar"


class QuietMirror(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    jar = tmp_path / "mirror" / "org" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    jar.parent.mkdir(parents=True)
    jar.write_bytes(CONTENT)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietMirror, directory=str(tmp_path / "mirror")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(MIRROR_SETTING, f"http://127.0.0.1:{server.server_port}/")
    yield jar
    server.shutdown()
    thread.join()
    server.server_close()


def lock_of(folder: Path, content: bytes = CONTENT, name: str = "thing") -> Path:
    lock = folder / "test.lock"
    lock.write_text(f"# a comment\norg.example:{name}:1.0 {hashlib.sha256(content).hexdigest()}\n")
    return lock


def test_a_locked_jar_is_fetched_once(mirror, tmp_path):
    [jar] = locked_jars(lock_of(tmp_path), tmp_path / "cache")
    assert jar.read_bytes() == CONTENT
    mirror.unlink()
    assert locked_jars(lock_of(tmp_path), tmp_path / "cache") == [jar]


def test_a_jar_with_another_sha256_is_refused_and_not_kept(mirror, tmp_path):
    with pytest.raises(JarRefused, match="sha256"):
        locked_jars(lock_of(tmp_path, b"other bytes"), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_jar_spoilt_in_the_cache_is_fetched_again(mirror, tmp_path):
    [jar] = locked_jars(lock_of(tmp_path), tmp_path / "cache")
    jar.write_bytes(CONTENT[:5])
    assert [again.read_bytes() for again in locked_jars(lock_of(tmp_path), tmp_path / "cache")] == [CONTENT]


def test_a_jar_that_nobody_has_is_reported_with_the_setting_that_helps(mirror, tmp_path):
    with pytest.raises(JarNotFetched, match=MIRROR_SETTING):
        locked_jars(lock_of(tmp_path, name="missing"), tmp_path / "cache")


def test_the_lock_file_holds_46_jars_with_names_of_their_own():
    jars = read_lock(LOCK)
    assert len(jars) == len({jar.file_name for jar in jars}) == 46
    assert "://" not in LOCK.read_text()
