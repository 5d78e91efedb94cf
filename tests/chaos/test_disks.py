"""A small disk can be filled and emptied while others write on it, folders move onto it, and nothing stays mounted."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAM = """
import errno, subprocess, sys
from pathlib import Path
from tests.chaos.disks import Disk, NoDisks, move_onto, own_mounts
folder = Path(sys.argv[1])
try:
    own_mounts()
    disk = Disk.mounted(folder / "disk", 8)
except NoDisks as why:
    sys.exit(f"skip {why}")
(folder / "wal" / "deep").mkdir(parents=True)
(folder / "wal" / "deep" / "one").write_text("kept")
move_onto(disk, folder / "wal")
move_onto(disk, folder / "wal")
assert (folder / "wal").is_symlink()
assert (folder / "wal" / "deep" / "one").read_text() == "kept"
(folder / "wal" / "old").write_text("x" * 2_000_000)
assert disk.fill() > 5_000_000
(folder / "wal" / "old").unlink()
assert disk.fill() > 7_000_000
try:
    (folder / "wal" / "two").write_text("x" * 100_000)
    sys.exit("there was room")
except OSError as error:
    assert error.errno == errno.ENOSPC, error
disk.empty()
(folder / "wal" / "two").write_text("x" * 100_000)

with subprocess.Popen([sys.executable, "-c", sys.argv[2], str(folder / "wal" / "three")]) as busy:
    try:
        for _ in range(200):
            disk.fill()
            disk.empty()
    finally:
        busy.kill()
"""

WRITER = """
import contextlib, pathlib, sys
while True:
    with contextlib.suppress(OSError):
        pathlib.Path(sys.argv[1]).write_text("x" * 50_000)
"""


def test_a_small_disk_fills_up_and_is_gone_with_its_process(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), WRITER]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.stderr.startswith("skip"):
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert list((tmp_path / "disk").iterdir()) == []
