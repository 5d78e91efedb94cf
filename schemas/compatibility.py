"""FULL_TRANSITIVE: old events read under the new schema and new events under every released one.

Under it only optional fields may come and go. Anything else is a new version of the type beside the old one.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
SIGNIFICANT = ("type", "const", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
               "minLength", "maxLength", "minItems", "maxItems")  # fmt: skip


def breaks(old: Schema, new: Schema) -> list[str]:
    """Each way in which the two would not read each other's events, as `path: what`. Empty when compatible."""
    return list(_breaks(old, new, old, new, "data"))


def _breaks(old: Schema, new: Schema, olds: Schema, news: Schema, path: str) -> Iterator[str]:
    old, new = _resolved(old, olds), _resolved(new, news)
    for word in SIGNIFICANT:
        if old.get(word) != new.get(word):
            yield f"{path}: {word} was {old.get(word)!r}, is {new.get(word)!r}"
    if set(old.get("enum", ())) != set(new.get("enum", ())):
        yield f"{path}: the values changed: {sorted(set(old.get('enum', ())) ^ set(new.get('enum', ())))}"
    yield from _object_breaks(old, new, olds, news, path)
    yield from _choice_breaks(old, new, olds, news, path)
    if "items" in old and "items" in new:
        yield from _breaks(old["items"], new["items"], olds, news, f"{path}[]")


def _object_breaks(old: Schema, new: Schema, olds: Schema, news: Schema, path: str) -> Iterator[str]:
    for name in sorted(set(old.get("required", ())) ^ set(new.get("required", ()))):
        yield f"{path}.{name}: a required field came or went"
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() & after.keys()):
        yield from _breaks(before[name], after[name], olds, news, f"{path}.{name}")


def _choice_breaks(old: Schema, new: Schema, olds: Schema, news: Schema, path: str) -> Iterator[str]:
    before, after = old.get("anyOf", []), new.get("anyOf", [])
    if len(before) != len(after):
        yield f"{path}: the number of forms changed"
        return
    for number, (a, b) in enumerate(zip(before, after, strict=True)):
        yield from _breaks(a, b, olds, news, f"{path}|{number}")


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not reference:
        return schema
    found: Schema = root["$defs"][reference.rpartition("/")[2]]
    return found
