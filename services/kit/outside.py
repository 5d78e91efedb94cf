"""What a worker needs of others before it begins: a database with its schema, a broker with its topics."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine, text

from schemas.topics import DEAD_LETTERS, TOPICS, Topic
from services.kit.admin import BrokerAway, TopicFacts, describe_topics
from services.kit.background import Backoff
from services.kit.database import engine_for, is_outside
from services.kit.migrate import migrate, migrate_vault
from services.kit.seam import EXIT_STOPPED
from services.kit.service import Service
from services.kit.settings import give_up

log = structlog.get_logger("arrears.kit")
T = TypeVar("T")


class Missing(Exception):
    """Something that others make is not there yet."""


def wait_for(what: str, attempt: Callable[[], T], doing: Callable[[str], None]) -> T:
    """Try until it works; say what is being waited for, on the log and to `doing`."""
    backoff = Backoff(what, first=0.25)
    while True:
        doing(f"waiting for the {what}")
        try:
            done = attempt()
        except Exception as error:
            if not (is_outside(error) or isinstance(error, BrokerAway | Missing)):
                raise
            time.sleep(backoff.next(error))
        else:
            backoff.reset()
            return done


def prepare_database(engine: Engine, service: Service[Any, Any], vault_url: SecretStr | None) -> None:
    """Bring the service's schema up to date, and the vault's where its role is known. Raises Missing without one."""
    migrate(engine, service.name)
    if not service.opens:
        return
    if vault_url is not None:
        _prepare_vault(vault_url.get_secret_value())
    with engine.begin() as db:
        if db.scalar(text("SELECT to_regclass('vault.keys')")) is None:
            raise Missing("the table vault.keys is not there yet; whoever deploys makes it (migrate_vault)")


def _prepare_vault(url: str) -> None:
    engine = engine_for(url, "vault", pool=1)
    try:
        migrate_vault(engine)
    finally:
        engine.dispose()


def find_topics(bootstrap: str, service: Service[Any, Any]) -> Mapping[str, TopicFacts]:
    """All topics that the service reads and writes. Raises Missing; ends the process where they can never fit."""
    needed = {*service.reads, *(topic for topic in TOPICS if topic.owner == service.name)}
    letters = {DEAD_LETTERS[service.name]} if service.name in DEAD_LETTERS else set()
    names = {topic.name for topic in needed | letters}
    found = describe_topics(bootstrap, names)
    if missing := sorted(names - found.keys()):
        raise Missing(f"topics are missing: {', '.join(missing)}")
    _refuse_uneven(service.reads, found)
    return found


def _refuse_uneven(topics: tuple[Topic, ...], found: Mapping[str, TopicFacts]) -> None:
    counts = {topic.name: found[topic.name].partitions for topic in topics if topic.key == "borrower_id"}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        log.critical("stopped: topics keyed by borrower must have equal partition counts", counts=counts)
        give_up([f"topics keyed by borrower must have equal partition counts: {shown}"], EXIT_STOPPED)
