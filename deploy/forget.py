"""`arrears forget`: destroy a borrower's data key, so that nothing personal that was ever stored can be read again."""

from typing import Annotated

import typer
from kafka import KafkaProducer
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from deploy.local.errors import StackError
from deploy.local.stack import DEFAULT_VAR
from deploy.said import MISUSE, Json, Var, fail, mending, say
from deploy.trace import NothingFound
from deploy.up import read_endpoints
from schemas.topics import BORROWERS, SERVICES
from services.kit.partitions import partition_for
from services.kit.vault import CACHE_SECONDS, TableKeys

_SAID = (
    "The key of {borrower} is destroyed: what services stored of this person cannot be opened any more, at the latest"
    " in {seconds:.0f} s, and what still comes is not kept. {tail}"
)
_BURIED = "A tombstone stands on {topic}; the broker removes the person's records with its next compaction."
_NOT_BURIED = "Core banking's own record on {topic} is as it was; --tombstone removes it there too."
_KNOWN = (
    "SELECT 1 FROM vault.keys WHERE borrower_id = :b",
    *(f"SELECT 1 FROM {service}.states WHERE borrower_id = :b" for service in SERVICES),
)


def forget(
    borrower: Annotated[str, typer.Argument(metavar="BORROWER")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for ever. There is no way back.")] = False,
    tombstone: Annotated[bool, typer.Option("--tombstone", help="Remove the bank's record on its topic too.")] = False,
    var: Var = DEFAULT_VAR,
    as_json: Json = False,
) -> None:
    """Destroy a person's key: nothing personal is readable again.

    All their personal data is sealed under it, in every service.
    """
    if not borrower.strip():
        fail("Name the borrower to forget, like `arrears forget B-10482 --yes`.", MISUSE)
    if not yes:
        fail(f"This cannot be undone. Say `arrears forget {borrower} --yes` to destroy the key.", MISUSE)
    with mending():
        endpoints = read_endpoints(var)
        _destroy(endpoints["database"], borrower)
        if tombstone:
            bury(endpoints["kafka"], BORROWERS.name, borrower)
    tail = (_BURIED if tombstone else _NOT_BURIED).format(topic=BORROWERS.name)
    said = _SAID.format(borrower=borrower, seconds=CACHE_SECONDS, tail=tail)
    say({"borrower": borrower, "key": "destroyed", "tombstone": tombstone}, as_json, said)


def _destroy(database: str, borrower: str) -> None:
    """Raises NothingFound where no service has heard of the borrower: an id that was misspelt forgets nobody."""
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        if not _known(engine, borrower):
            raise NothingFound(f"No service has heard of {borrower!r}: nothing was destroyed. Is the id right?")
        TableKeys(engine).destroy(borrower)
    except OperationalError as error:
        raise StackError(f"The database does not answer: {error.orig}. Is the system up?") from None
    finally:
        engine.dispose()


def _known(engine: Engine, borrower: str) -> bool:
    with engine.connect() as db:
        return any(db.scalar(text(query), {"b": borrower}) for query in _KNOWN)


def bury(bootstrap: str, topic: str, borrower: str) -> None:
    """Publish a tombstone on a topic keyed by borrower, where the record stands: the topic's own partitions count."""
    key = borrower.encode()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        partition = partition_for(key, len(producer.partitions_for(topic)))
        producer.send(topic, key=key, value=None, partition=partition).get(timeout=30)
    finally:
        producer.close(timeout=10)
