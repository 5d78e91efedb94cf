"""Small disks of the run's own: a tmpfs under the broker's log and under the database's write-ahead log, to be filled.

They live in a mount namespace of this process, so that nothing is left mounted however the run ends.
"""

import ctypes
import errno
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNS = 0x00020000
BALLAST = "ballast"
MEGABYTE = 1 << 20
LEFT_BYTES = 4096


class NoDisks(Exception):
    """Mounting is not allowed here; the message says why. The fault `disk` is left out and the report says so."""


def own_mounts() -> None:
    """Leave the mounts of the rest of the machine alone from now on. Raises NoDisks."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise NoDisks(f"no mount namespace of one's own: {os.strerror(ctypes.get_errno())}")
    _mount("--make-rprivate", "/")


def _mount(*arguments: str) -> None:
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NoDisks("there is no mount command") from None
    if done.returncode:
        raise NoDisks(f"mount {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk."""

    path: Path

    @classmethod
    def mounted(cls, path: Path, megabytes: int) -> "Disk":
        """Mount one. Raises NoDisks."""
        path.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(path))
        return cls(path)

    def fill(self) -> int:
        """Leave no room, again where there is some; answer how many bytes are taken."""
        with (self.path / BALLAST).open("ab") as file:
            taken = os.fstat(file.fileno()).st_size
            while (free := self._free()) > LEFT_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), taken, free)
                except OSError as error:
                    if error.errno != errno.ENOSPC:  # somebody else took of it meanwhile
                        raise
                else:
                    taken += free
        return taken

    def _free(self) -> int:
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def empty(self) -> None:
        """Give the room back."""
        (self.path / BALLAST).unlink(missing_ok=True)


def move_onto(disk: Disk, folder: Path) -> None:
    """Let a folder lie on the disk from now on, with all that it holds. Done before, it is left as it is."""
    if folder.is_symlink():
        return
    there = disk.path / folder.name
    owner = folder.stat()
    shutil.copytree(folder, there, copy_function=_copied)
    for path in (there, *there.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    shutil.rmtree(folder)
    folder.symlink_to(there)
    os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _copied(source: str, target: str) -> str:
    return str(shutil.copy2(source, target))
