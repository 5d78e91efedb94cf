"""`arrears forget`: destroy a borrower's data key, so that nothing personal that was ever stored can be read again."""

from typing import Annotated

import typer
from kafka import KafkaProducer
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from deploy.local.errors import StackError
from deploy.local.stack import DEFAULT_VAR
from deploy.said import MISUSE, Json, Var, fail, mending, say
from deploy.up import read_endpoints
from schemas.topics import BORROWERS
from services.kit.partitions import partition_for
from services.kit.vault import CACHE_SECONDS, TableKeys

_SAID = (
    "The key of {borrower} is destroyed: what services stored of this person cannot be opened any more, at the latest"
    " in {seconds:.0f} s, and what still comes is not kept. {tail}"
)
_BURIED = "A tombstone stands on {topic}; the broker removes the person's records with its next compaction."
_NOT_BURIED = "Core banking's own record on {topic} is as it was; --tombstone removes it there too."


def forget(
    borrower: Annotated[str, typer.Argument(metavar="BORROWER")],
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for ever. There is no way back.")] = False,
    tombstone: Annotated[bool, typer.Option("--tombstone", help="Remove the bank's record on its topic too.")] = False,
    var: Var = DEFAULT_VAR,
    as_json: Json = False,
) -> None:
    """Forget a person: destroy the key under which all their personal data is sealed, in every service at once."""
    if not yes:
        fail(f"This cannot be undone. Say `arrears forget {borrower} --yes` to destroy the key.", MISUSE)
    with mending():
        endpoints = read_endpoints(var)
        _destroy(endpoints["database"], borrower)
        if tombstone:
            _bury(endpoints["kafka"], borrower)
    tail = (_BURIED if tombstone else _NOT_BURIED).format(topic=BORROWERS.name)
    text = _SAID.format(borrower=borrower, seconds=CACHE_SECONDS, tail=tail)
    say({"borrower": borrower, "key": "destroyed", "tombstone": tombstone}, as_json, text)


def _destroy(database: str, borrower: str) -> None:
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        TableKeys(engine).destroy(borrower)
    except OperationalError as error:
        raise StackError(f"The database does not answer: {error.orig}. Is the system up?") from None
    finally:
        engine.dispose()


def _bury(bootstrap: str, borrower: str) -> None:
    key = borrower.encode()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    try:
        partition = partition_for(key, BORROWERS.partitions)
        producer.send(BORROWERS.name, key=key, value=None, partition=partition).get(timeout=30)
    finally:
        producer.close(timeout=10)
