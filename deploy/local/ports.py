"""Free TCP ports on this machine, remembered in a file so that a second start finds the same ones."""

import json
import random
import socket
from pathlib import Path

from deploy.local.files import write_whole

HOST = "127.0.0.1"
# Below the range from which Linux gives ports to outgoing connections: a client that knocks at a broker which is being
# restarted would otherwise sooner or later be given the broker's own port, connect to itself, and keep it.
_CANDIDATES = range(15_000, 32_000)


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Say whether somebody listens on the port."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def remembered_ports(file: Path, *names: str) -> dict[str, int]:
    """Return a free port for each name: the one used last time if it is free, else another, which is remembered."""
    known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
    chosen = dict(known)
    for name in names:
        others = {port for other, port in chosen.items() if other != name}
        if name not in known or known[name] in others or not is_free(known[name]):
            chosen[name] = _free_port(others)
    if chosen != known:
        write_whole(file, json.dumps(chosen, indent=2) + "\n")
    return {name: chosen[name] for name in names}


def _free_port(taken: set[int]) -> int:
    for port in random.sample(_CANDIDATES, 200):
        if port not in taken and is_free(port):
            return port
    raise OSError("No free TCP port found between 15000 and 31999 on 127.0.0.1; stop a few programs that listen there.")
