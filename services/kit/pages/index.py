"""The front door of a service: what can be read and done there, made from its own OpenAPI document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse
from starlette.requests import Request

from services.kit.pages import HERE, Pages, mount_tokens


@dataclass(frozen=True, slots=True)
class Way:
    """One operation. `opens`: a browser can simply go there."""

    method: str
    path: str
    what: str
    opens: bool


def ways(document: Mapping[str, Any]) -> Iterator[Way]:
    """All operations of an OpenAPI document, in its order."""
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            needs = any(parameter.get("required") for parameter in operation.get("parameters", ()))
            what = operation.get("description") or operation.get("summary", "")
            yield Way(method.upper(), path, what, opens=method == "get" and not needs)


def mount_index(app: FastAPI) -> None:
    """Answer "/" with that page. What it names is served by nobody else, so it works without a way to the internet."""
    pages = Pages.of(HERE / "templates")
    mount_tokens(app)

    @app.get("/static/index.css", include_in_schema=False)
    def sheet() -> FileResponse:
        return FileResponse(HERE / "index.css", media_type="text/css", headers={"cache-control": "max-age=300"})

    @app.get("/", include_in_schema=False)
    def index(request: Request) -> HTMLResponse:
        return pages.answer(request, "index.html", title=app.title, ways=list(ways(app.openapi())))
