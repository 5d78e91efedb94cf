"""Passwords of a local stack: generated once, kept in one file that only its owner may read."""

import json
import os
import secrets
from pathlib import Path


def passwords(file: Path, *names: str) -> dict[str, str]:
    """Return the password of each name; those not yet in the file are generated and added to it."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = {name: secrets.token_urlsafe(24) for name in names if name not in known}
    if missing:
        _write_private(file, json.dumps({**known, **missing}, indent=2) + "\n")
    return {name: {**known, **missing}[name] for name in names}


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as writer:
        writer.write(text)
    draft.replace(file)
