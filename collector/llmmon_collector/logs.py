"""The daemon's log: JSON lines on stderr, ``key=value`` on a terminal, secrets masked.

Libraries that log through the standard library go the same way, warnings and worse only.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import orjson
import structlog

from llmmon_collector.scrub import scrub, scrub_value

LEVELS: Final = ("debug", "info", "warning", "error")


def configure_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog's and the standard library's records to ``stream`` (stderr) as lines.

    Raises:
        ValueError: ``level`` is none of ``LEVELS``.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no log level: use one of {', '.join(LEVELS)}")
    target = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            *_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(target.isatty()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("llmmon_collector").setLevel(number)


def get_logger(name: str) -> Any:
    """A structlog logger for the module ``name``."""
    return structlog.get_logger(name)


def scrub_event(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The structlog processor that masks secrets in every field, exceptions' text included."""
    for key, value in event.items():
        if key.startswith("_"):
            continue
        plain = isinstance(value, str) and key in {"event", "exception"}
        event[key] = scrub(value) if plain else scrub_value(key, value)
    return event


def _processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        scrub_event,
    ]


def _renderer(terminal: bool) -> Any:
    if terminal:
        return structlog.processors.KeyValueRenderer(
            key_order=["at", "level", "event"], drop_missing=True, sort_keys=False
        )
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
