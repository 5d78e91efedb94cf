"""What another site's page makes a browser send must change nothing here, whoever is signed on in that browser."""

from services.kit.body import Scope

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_forged(scope: Scope) -> bool:
    """Whether a browser says that this change was asked for by a page of another site.

    Every browser of today sends Sec-Fetch-Site and lets no page set it; machines send none and are not meant.
    """
    if scope.get("type") != "http" or scope.get("method") in SAFE:
        return False
    return (b"sec-fetch-site", b"cross-site") in {(name.lower(), value) for name, value in scope["headers"]}
