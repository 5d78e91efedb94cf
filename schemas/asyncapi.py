"""AsyncAPI 3 of every topic, made from the table of topics and the kinds of facts."""

from typing import Any

from schemas.envelope import CONTENT_TYPE, Fact
from schemas.language import KINDS
from schemas.topics import TOPICS, Topic


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document: channels with Kafka bindings, messages, an operation per reader and owner."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Arrears",
            "version": "1.0.0",
            "description": "Facts about overdue loans and their collection, as CloudEvents 1.0 in structured mode.",
        },
        "defaultContentType": CONTENT_TYPE.partition(";")[0],
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {"messages": {name: _message(kind) for name, kind in sorted(KINDS.items())}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Said by {topic.owner}; the record key is {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _kinds_on(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup],
                    "retention.ms": int(topic.config["retention.ms"]),
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _kinds_on(topic: Topic) -> list[str]:
    return sorted(name for name, kind in KINDS.items() if topic == kind.TOPIC)


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    said = (f"{topic.owner}.says.{topic.name}", {"action": "send", "channel": channel})
    read = [(f"{reader}.reads.{topic.name}", {"action": "receive", "channel": channel}) for reader in topic.readers]
    return [said, *read]


def _message(kind: type[Fact]) -> dict[str, Any]:
    return {
        "name": kind.TYPE,
        "title": kind.__name__,
        "summary": (kind.__doc__ or "").strip(),
        "contentType": CONTENT_TYPE.partition(";")[0],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"json/{kind.TYPE}.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": kind.TOPIC.key}, "bindingVersion": "0.5.0"}},
    }
