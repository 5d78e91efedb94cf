"""The contract as files: a frozen JSON Schema per type, the release bundle, and AsyncAPI 3, made from the models.

`python -m schemas.freeze` writes them; a test holds that files and models say the same. `--release NAME` also adds a
release, which no later version may break.
"""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.asyncapi import document
from schemas.envelope import Event, Fact
from schemas.language import KINDS

HERE = Path(__file__).parent
SCHEMAS, RELEASED, EXAMPLES, ASYNCAPI = HERE / "json", HERE / "released", HERE / "examples", HERE / "asyncapi.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def data_schema(kind: type[Fact]) -> dict[str, Any]:
    """The JSON Schema of a fact's data, closed: a producer may send no field that it does not name."""
    schema: dict[str, Any] = _closed(kind.model_json_schema(mode="validation"))
    return schema


def event_schema(kind: type[Fact]) -> dict[str, Any]:
    """The JSON Schema of the whole record value in structured mode."""
    schema = _closed(Event[kind].model_json_schema(mode="validation"))  # type: ignore[valid-type]
    schema.pop("additionalProperties")
    schema["properties"]["type"] = {"const": kind.TYPE, "type": "string"}
    title = "".join(part.title() for part in kind.TYPE.replace("_", ".").split("."))
    return {"$schema": DRAFT, "$id": f"urn:arrears:schema:{kind.TYPE}", **schema, "title": title}


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed


def bundle() -> dict[str, Any]:
    """Every data schema by type: what a release freezes."""
    return {name: data_schema(kind) for name, kind in sorted(KINDS.items())}


def render(value: object) -> str:
    """JSON as these files hold it."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def files() -> dict[Path, str]:
    """Every generated file with what it must hold."""
    schemas = {SCHEMAS / f"{name}.json": render(event_schema(kind)) for name, kind in KINDS.items()}
    return {**schemas, ASYNCAPI: render(document())}


def main(arguments: list[str]) -> None:
    """Write the files, and the release if one is named."""
    SCHEMAS.mkdir(exist_ok=True)
    RELEASED.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
    if arguments[:1] == ["--release"]:
        (RELEASED / f"{arguments[1]}.json").write_text(render(bundle()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
