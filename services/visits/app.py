"""Plugs visits together: what it reads, what it knows, what it decides, whom it answers."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Connection

from schemas.topics import VISITS, topics_of
from services.kit.plug import Plug
from services.kit.service import Service
from services.kit.settings import Key, Settings
from services.rulebook.reading import BadPack
from services.rulebook.shelf import Shelf, known, load_rulebooks, readable
from services.rulebook.strategy import load_strategy
from services.visits.api import create_api
from services.visits.api.base import House
from services.visits.domain import life
from services.visits.domain.panel import Panel, Policy
from services.visits.domain.state import Borrower, fresh
from services.visits.handlers import HANDLERS
from services.visits.store import metadata
from services.visits.store_panel import learn, load_panel
from services.visits.store_rows import projection, record


def _known_strategy(name: str) -> str:
    try:
        load_strategy(name)
    except (BadPack, OSError) as error:
        raise ValueError(f"is no strategy that can be read: {error}") from None
    return name


class VisitsSettings(Settings):
    """What visits is told beyond what every service is. The codes that borrowers check derive from `link_key`."""

    link_key: Annotated[Key, Field(repr=False)]
    strategy: Annotated[str, AfterValidator(_known_strategy)] = "default-v1"
    rulebook_dir: Annotated[Path | None, AfterValidator(readable)] = None
    """A folder with rule books and calendars of the house's own, beside those that are shipped."""

    lender_name: str = "Example Consumer Finance"
    lender_name_zh: str = "示例消费金融"
    complaints: str = "400-000-0000"
    """The number that a borrower calls about a visitor."""

    def house(self) -> House:
        """Who sends the visitors, as the page of the credential says it."""
        return House({"zh-CN": self.lender_name_zh, "en": self.lender_name}, self.complaints)

    @model_validator(mode="after")
    def _under_a_known_law(self) -> Self:
        known(self.jurisdiction, self.rulebook_dir)
        return self


def plug(settings: VisitsSettings) -> Plug[Borrower, Panel]:
    """The service with its API."""
    policy = Policy.of(load_strategy(settings.strategy))
    rulebooks = load_rulebooks(settings.rulebook_dir)
    return Plug(
        service=service(credential_key(settings.link_key), policy, rulebooks),
        api=lambda runtime: create_api(runtime, settings.house()),
    )


def credential_key(link_key: bytes) -> bytes:
    """A key for credentials alone, so that no link can be read as one."""
    return hmac.new(link_key, b"arrears visits credentials", hashlib.sha256).digest()


def service(
    credential_key: bytes, policy: Policy | None = None, rulebooks: Shelf | None = None
) -> Service[Borrower, Panel]:
    """Visits as a value. `credential_key` makes the codes that borrowers check; no policy means the strategy's."""
    values, shelf = policy or Policy.of(load_strategy()), rulebooks or load_rulebooks()

    def reference(db: Connection, partitions: Sequence[int], now: datetime) -> Mapping[int, Panel]:
        return dict.fromkeys(partitions, load_panel(db, values, now, shelf))

    return Service(
        name=VISITS,
        reads=topics_of(VISITS),
        state=Borrower,
        fresh=fresh,
        handlers=HANDLERS,
        tick=life.tick,
        next_at=life.next_at,
        reference=reference,
        metadata=metadata,
        learn=learn,
        project=projection(credential_key),
        record=record,
        opens=frozenset({"name", "addresses", "statement"}),
    )
