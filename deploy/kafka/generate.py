"""Writes `topics.json` and `acls.json`: what a cluster must hold, made from `schemas.topics` and from nothing else.

`python -m deploy.kafka.generate` writes them beside this file; a test holds that they are up to date.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from schemas.topics import SERVICES, TOPICS

HERE = Path(__file__).parent
OUTSIDERS = {"bank": "core banking", "agencies": "agencies' gateway", "ops": "operations"}


def topics() -> list[dict[str, object]]:
    """Name, partitions and configuration of every topic."""
    return [{"name": t.name, "partitions": t.partitions, "config": t.config} for t in TOPICS]


def acls() -> list[dict[str, str]]:
    """Every permission that is needed, each literal, none with a wildcard. Whatever is not here is denied.

    A service writes its own topics, reads those it is declared a reader of, and joins the group of its own name.
    """
    return [*_writers(), *_readers(), *_groups()]


def _writers() -> Iterator[dict[str, str]]:
    for topic in TOPICS:
        for operation in ("WRITE", "DESCRIBE"):
            yield _allow(topic.owner, "TOPIC", topic.name, operation)
    # An outsider's record of a wrong partition is published again where it came from; what a service says is not.
    for topic in filter(lambda topic: topic.intake, TOPICS):
        for reader in topic.readers:
            yield _allow(reader, "TOPIC", topic.name, "WRITE")


def _readers() -> Iterator[dict[str, str]]:
    for topic in TOPICS:
        for reader in topic.readers:
            for operation in ("READ", "DESCRIBE"):
                yield _allow(reader, "TOPIC", topic.name, operation)


def _groups() -> Iterator[dict[str, str]]:
    for service in SERVICES:
        for operation in ("READ", "DESCRIBE"):
            yield _allow(service, "GROUP", service, operation)


def _allow(principal: str, resource: str, name: str, operation: str) -> dict[str, str]:
    return {
        "principal": f"User:{principal}",
        "resource": resource,
        "name": name,
        "pattern": "LITERAL",
        "operation": operation,
        "permission": "ALLOW",
    }


def files() -> dict[Path, str]:
    """Each generated file with what it must hold."""
    return {
        HERE / "topics.json": json.dumps(topics(), indent=1) + "\n",
        HERE / "acls.json": json.dumps(acls(), indent=1) + "\n",
    }


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
