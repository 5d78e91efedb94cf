"""Small files that are either the old ones or the new ones, never half written."""

import os
from pathlib import Path


def write_whole(file: Path, text: str, mode: int = 0o644) -> None:
    """Replace the file's content at once; its folder is made if it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as writer:
        writer.write(text)
    draft.replace(file)
