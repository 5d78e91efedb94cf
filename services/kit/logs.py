"""Logging: one line per happening, JSON for machines or plain for people; third parties' loggers go the same way."""

import logging
import sys
from typing import Any

import structlog

QUIET = ("aiokafka", "kafka", "faust", "mode", "alembic", "uvicorn.access", "asyncio")


def set_up_logs(service: str, level: str, form: str) -> None:
    """Send everything at or above `level` to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form, shared))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.getLogger("kafka.net.selector").setLevel(logging.ERROR)  # warns of its own slowness on a busy machine
    structlog.contextvars.bind_contextvars(service=service)


def _formatter(form: str, shared: list[Any]) -> logging.Formatter:
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if form == "console":
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.processors.format_exc_info], processors=[strip, last]
    )
