"""The throwaway service as a process: `python tests/kit/worker.py`. `RAISE_EVERY` makes every n-th batch fail."""

import asyncio
import itertools
import os
import threading

from counter import COUNTER, NAME, Count, metadata, stop  # run as a script, from this folder
from fastapi import FastAPI

from services.kit import batches
from services.kit.database import engine_for
from services.kit.plug import Plug, Runtime
from services.kit.run import run
from services.kit.settings import Settings


def api(runtime: Runtime[Count, None]) -> FastAPI:
    app = FastAPI()

    @app.post("/stop/{borrower_id}")
    def ask(borrower_id: str, key: str) -> list[str]:
        return [event.id for event in runtime.command(borrower_id, stop, key=key)]

    @app.get("/fresh/{partition}")
    def fresh(partition: int) -> dict[str, object]:
        return {"fresh": runtime.fresh(partition), "known_as_of": runtime.known_as_of(partition).isoformat()}

    return app


async def loop(runtime: Runtime[Count, None]) -> None:
    while True:
        await asyncio.sleep(1)


def plug(settings: Settings) -> Plug[Count, None]:
    engine = engine_for(settings.database_url.get_secret_value(), NAME, pool=1)
    metadata.create_all(engine)
    engine.dispose()
    return Plug(service=COUNTER, api=api, loops=(loop,))


def raise_every(number: int) -> None:
    """Make every n-th batch fail in the middle of its transaction, as a bug of the kit would."""
    calls, lock, remember = itertools.count(1), threading.Lock(), batches.repeats.remember

    def failing(*arguments):
        with lock:
            call = next(calls)
        if call % number == 0:
            raise ZeroDivisionError(f"call {call}")
        return remember(*arguments)

    batches.repeats.remember = failing


if __name__ == "__main__":
    if every := int(os.environ.get("RAISE_EVERY", "0")):
        raise_every(every)
    run(plug, Settings)
