"""Plugs notifier together: what it reads, by which rules and strategy it decides, whom it answers, how it sends."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from schemas.topics import NOTIFIER, topics_of
from services.kit.plug import Plug
from services.kit.service import Service
from services.notifier import handlers, handlers_agreed, loops, store_outgoing
from services.notifier.api import api
from services.notifier.domain.moment import Policy
from services.notifier.domain.state import Borrower, fresh
from services.notifier.settings import NotifierSettings
from services.notifier.store import metadata, ordered_by_ops
from services.notifier.store_rows import project, record
from services.rulebook.shelf import Shelf, load_rulebooks
from services.rulebook.strategy import Strategy, load_strategy

OPENS = frozenset({"name", "phones", "emails", "addresses"})
"""What a notice needs; who else the borrower knows is none of notifier's business."""

TABLES = (store_outgoing.receipts,)
"""Tables that others of this service declare on the same metadata."""


def plug(settings: NotifierSettings) -> Plug[Borrower, Policy]:
    """The service with its API and its loops. Raises ValueError where the strategy uses a channel without a carrier."""
    strategy = load_strategy(settings.strategy)
    if not settings.voice_url and any("voice" in (*s.channels, *s.copies) for s in strategy.ladder.steps):
        raise ValueError(f"{strategy.label} makes calls, and ARREARS_VOICE_URL names no gateway")
    return Plug(
        service=service(strategy, load_rulebooks(settings.rulebook_dir)),
        api=partial(api, settings=settings),
        loops=(partial(loops.send, settings=settings), partial(loops.watch_rulebooks, settings=settings)),
    )


def service(strategy: Strategy | None = None, rulebooks: Shelf | None = None) -> Service[Borrower, Policy]:
    """Notifier as a value, under a strategy and the rule books of the house."""
    policy = Policy(rulebooks or load_rulebooks(), strategy or load_strategy())

    def reference(db: Connection, partitions: Sequence[int], _now: datetime) -> Mapping[int, Policy]:
        paused, activations = ordered_by_ops(db)
        return dict.fromkeys(partitions, Policy(policy.rulebooks.activated(activations), policy.strategy, paused))

    return Service(
        name=NOTIFIER,
        reads=topics_of(NOTIFIER),
        state=Borrower,
        fresh=fresh,
        handlers={**handlers.HANDLERS, **handlers_agreed.HANDLERS},
        tick=handlers.tick,
        next_at=handlers.next_at,
        reference=reference,
        metadata=metadata,
        project=project,
        record=record,
        opens=OPENS,
    )
