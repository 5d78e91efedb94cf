"""What gateways tell of what they took: kept first, acknowledged then, and applied once the notice is known."""

import hashlib
import hmac
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, HTTPException
from fastapi.responses import Response
from pydantic import Field

from schemas.values import Text
from services.notifier import store_outgoing
from services.notifier.api.asking import Asked, Run
from services.notifier.channels.gateway import own_reference
from services.notifier.settings import NotifierSettings
from services.notifier.store_outgoing import Aside

RECEIPTS_MAX = 1000
SCHEME = "Bearer "


class ReceiptTold(Asked):
    """The last word about one message, under the reference that the gateway gave it."""

    reference: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
    fate: Literal["delivered", "failed"]
    detail: Text = ""


class ReceiptsTold(Asked):
    """Last words; the first about a reference counts."""

    receipts: Annotated[tuple[ReceiptTold, ...], Field(min_length=1, max_length=RECEIPTS_MAX)]


def carriers_api(settings: NotifierSettings) -> APIRouter:
    """The route for gateways, which must show their token."""
    router = APIRouter(tags=["carriers"])
    token = settings.gateway_token.get_secret_value()

    def known(authorization: Annotated[str, Header()] = "") -> None:
        shown = authorization.removeprefix(SCHEME).encode()
        if not token or not authorization.startswith(SCHEME) or not hmac.compare_digest(shown, token.encode()):
            raise HTTPException(401, "the gateway's token is missing or wrong", {"www-authenticate": "Bearer"})

    @router.post("/carriers/{kind}/receipts", status_code=204, dependencies=[Depends(known)])
    def receipts(runtime: Run, kind: Literal["voice", "push"], told: ReceiptsTold) -> Response:
        """Keep what became of messages. 204 means that it is stored; anything else: tell it again."""
        now = runtime.clock.now()
        rows = [
            {
                "reference": own_reference(kind, one.reference),
                "fate": one.fate,
                "detail": one.detail,
                "digest": hashlib.sha256(one.model_dump_json().encode()).hexdigest(),
                "received_at": now,
            }
            for one in told.receipts
        ]
        with runtime.engine.begin() as db:
            store_outgoing.keep(db, rows)
        return Response(status_code=204)

    @router.get("/receipts/aside")
    def aside(runtime: Run) -> list[Aside]:
        """Receipts that could not be applied: why, how often tried, and when again. The oldest 500."""
        with runtime.engine.begin() as db:
            return store_outgoing.aside(db)

    return router
