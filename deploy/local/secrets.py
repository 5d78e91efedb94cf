"""Passwords of a local stack: generated once, kept in one file that only its owner may read."""

import json
import secrets
from pathlib import Path

from deploy.local.files import write_whole


def passwords(file: Path, *names: str) -> dict[str, str]:
    """Return the password of each name; those not yet in the file are generated and added to it."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {name: secrets.token_urlsafe(24) for name in names if name not in known}
    if missing:
        write_whole(file, json.dumps({**known, **missing}, indent=2) + "\n", mode=0o600)
    return {name: {**known, **missing}[name] for name in names}
