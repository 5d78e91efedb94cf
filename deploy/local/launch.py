"""Becomes another program that dies with its parent, and that is not root if asked.

Run as `python -I -S launch.py <parent pid> <orphan signal> <user id> <group id> program arguments`; user -1 keeps it.
It is a program of its own because the code between fork and exec of a process with threads must not be Python.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 8, 28, 47
PR_CAP_AMBIENT_RAISE = 2
# Without this bit access(2) ignores an ordinary user's capabilities, and PostgreSQL asks it whether it may run itself.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_SETPCAP = 8


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, *arguments: int) -> bool:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return bool(_libc.prctl(ctypes.c_int(option), *padded) == 0)


def _keep_only(*capabilities: int) -> bool:
    mask = sum(1 << capability for capability in capabilities)
    header, sets = _Header(CAPABILITY_VERSION_3, 0), (_Capabilities * 2)()
    sets[0].effective = sets[0].permitted = sets[0].inheritable = mask
    return bool(_libc.capset(ctypes.byref(header), sets) == 0)


def become(user: int, group: int) -> None:
    """Become an ordinary user who may still read the folders that root's files lie in, where the kernel grants that.

    Where it does not (some sandboxes), the program runs if the user can reach its files without help.
    """
    linux = sys.platform == "linux"
    if linux:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    if linux and _keep_only(CAP_DAC_OVERRIDE, CAP_SETPCAP):
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
        _keep_only(CAP_DAC_OVERRIDE)
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def die_with(parent: int, signal_number: int) -> None:
    """Have the kernel send the signal when the thread that started this process ends; end at once if it has already."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        sys.exit(f"the parent {parent} is gone")


def main(argv: list[str]) -> None:
    """Read the command line and become the program."""
    parent, signal_number, user, group = (int(value) for value in argv[1:5])
    if user >= 0:
        become(user, group)
    die_with(parent, signal_number)
    try:
        os.execvp(argv[5], argv[5:])
    except OSError as error:
        sys.exit(f"{argv[5]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv)
