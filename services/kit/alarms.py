"""What a person should know of: one row per kind and matter, with how often and when last.

Kept in the transaction of what it is about, for whoever looks at the tables; logs and metrics say it too.
"""

from collections.abc import Iterable

from services.kit.writes import Raw

RAISE = (
    "INSERT INTO alarms (kind, about, text) VALUES (%s, %s, %s)"
    " ON CONFLICT (kind, about) DO UPDATE SET text = excluded.text, times = alarms.times + 1, last_at = now()"
)
_CALM = "DELETE FROM alarms WHERE kind = %s AND about = %s"
_STANDING = "SELECT about, text FROM alarms WHERE kind = %s ORDER BY about"


def raise_alarms(raw: Raw, kind: str, texts: Iterable[tuple[str, str]]) -> None:
    """Keep these, each with what it is about."""
    rows = [(kind, about, text) for about, text in texts]
    if rows:
        with raw.cursor() as cursor:
            cursor.executemany(RAISE, rows)


def calm(raw: Raw, kind: str, about: str) -> None:
    """It is over."""
    raw.execute(_CALM, [kind, about])


def standing(raw: Raw, kind: str) -> dict[str, str]:
    """Those of a kind, by what they are about."""
    return {about: text for about, text in raw.execute(_STANDING, [kind])}
