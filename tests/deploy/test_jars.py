"""The lock file decides which jars run; a Maven mirror on this machine plays the outside world."""

import hashlib
import http.server
import ipaddress
import ssl
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from deploy.local.background import start_in_background
from deploy.local.errors import JarNotFetched, JarRefused, Misused, NotStarted
from deploy.local.jars import CA_SETTING, MIRROR_SETTING, locked_jars, read_lock
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


def self_signed(folder: Path) -> Path:
    """A key and a certificate of this machine's own making, in one PEM file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy")])
    begins, here = datetime.now(UTC) - timedelta(hours=1), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, begins + timedelta(days=1))
    signed = made.add_extension(x509.SubjectAlternativeName([here]), critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "proxy.pem").write_bytes(private + signed.public_bytes(Encoding.PEM))
    return folder / "proxy.pem"


@pytest.fixture
def secure(mirror, tmp_path, monkeypatch):
    """The mirror behind a proxy with a certificate that nobody trusts; the file that would make it trusted."""
    pem, context = self_signed(tmp_path), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietMirror, directory=str(tmp_path / "mirror")))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv(MIRROR_SETTING, f"https://127.0.0.1:{server.server_port}/")
    for setting in (CA_SETTING, "CURL_CA_BUNDLE"):
        monkeypatch.delenv(setting, raising=False)
    yield pem
    server.shutdown()
    thread.join()
    server.server_close()


def test_behind_a_proxy_the_setting_that_helps_is_named_and_helps(secure, tmp_path, monkeypatch):
    with pytest.raises(JarNotFetched, match=CA_SETTING):
        locked_jars(lock_of(tmp_path), tmp_path / "cache")
    monkeypatch.setenv(CA_SETTING, str(secure))
    assert [jar.read_bytes() for jar in locked_jars(lock_of(tmp_path), tmp_path / "cache")] == [CONTENT]


def test_a_setting_to_be_mended_is_status_2_in_the_foreground_and_in_the_background(tmp_path):
    with pytest.raises(Misused, match="no such mirror"):
        start_in_background(tmp_path, [sys.executable, "-c", "import sys; print('no such mirror'); sys.exit(2)"])
    with pytest.raises(NotStarted):
        start_in_background(tmp_path, [sys.executable, "-c", "import sys; sys.exit('something else')"])
    assert issubclass(JarNotFetched, Misused)


def test_the_lock_file_holds_46_jars_with_names_of_their_own():
    jars = read_lock(LOCK)
    assert len(jars) == len({jar.file_name for jar in jars}) == 46
    assert "://" not in LOCK.read_text()
