"""Structured logging: one JSON object a line, redacted, with the ids of the running request.

A thin layer on ``logging``: the logger is the standard one of that name, so levels, filters and
further handlers work as ever, and what other code logs under the name has the same shape.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final

from llmmon.context import current_node
from llmmon.packing.redaction import redact_fields, redact_text

if TYPE_CHECKING:
    from llmmon.monitor import Monitor

_ExcInfo = (
    bool
    | BaseException
    | tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
    | None
)

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIRST_FIELDS: Final = ("timestamp", "level", "service", "environment", "logger", "message")


class StructuredLogger:
    """``info("message", key=value)`` and its kin, over a standard logger."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        """The standard logger beneath."""

    def debug(self, message: object, /, *args: object, **fields: object) -> None:
        """Log detail for finding faults. ``args`` are merged into ``message`` by ``%``."""
        self._log(logging.DEBUG, message, args, fields)

    def info(self, message: object, /, *args: object, **fields: object) -> None:
        """Log that something went as expected."""
        self._log(logging.INFO, message, args, fields)

    def warning(self, message: object, /, *args: object, **fields: object) -> None:
        """Log something unexpected that was coped with."""
        self._log(logging.WARNING, message, args, fields)

    def error(self, message: object, /, *args: object, **fields: object) -> None:
        """Log a failure."""
        self._log(logging.ERROR, message, args, fields)

    def critical(self, message: object, /, *args: object, **fields: object) -> None:
        """Log a failure of the whole service."""
        self._log(logging.CRITICAL, message, args, fields)

    def exception(self, message: object, /, *args: object, **fields: object) -> None:
        """Log a failure with the exception that is being handled."""
        self._log(logging.ERROR, message, args, {"exc_info": True, **fields})

    def _log(
        self, level: int, message: object, args: tuple[object, ...], fields: dict[str, Any]
    ) -> None:
        if not self.logger.isEnabledFor(level):
            return
        exc_info: _ExcInfo = fields.pop("exc_info", None)
        extra = {"llmmon_fields": fields}
        self.logger.log(level, message, *args, exc_info=exc_info, extra=extra, stacklevel=3)


class _Shape:
    """What every line of one logger begins with, and how a record is read."""

    def __init__(self, fields: Mapping[str, str | None], monitor: Monitor) -> None:
        self._fields = fields
        self._monitor = monitor

    def entry(self, record: logging.LogRecord) -> dict[str, Any]:
        """The record as one map, redacted, the default fields first."""
        defaults = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "service": self._fields.get("service") or self._monitor.config.service,
            "environment": self._fields.get("environment") or self._monitor.config.environment,
            "logger": record.name,
            "message": redact_text(_message(record)),
        }
        return defaults | _trace_ids() | self._own_fields(record) | _exception(record)

    def _own_fields(self, record: logging.LogRecord) -> dict[str, Any]:
        given = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        fields = given.pop("llmmon_fields", {})
        clean = redact_fields({**given, **fields})
        # a field never hides a default one
        return {f"field_{k}" if k in _FIRST_FIELDS else k: v for k, v in clean.items()}


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # arguments that do not fit the message: its text is worth more than an error
        return f"{record.msg!s} {record.args!r}"


def _trace_ids() -> dict[str, str]:
    node = current_node.get()
    return {} if node is None else {"trace_id": node.trace_id, "request_id": node.request_id}


def _exception(record: logging.LogRecord) -> dict[str, str]:
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    text = logging.Formatter().formatException(record.exc_info)
    return {"error": record.exc_info[0].__name__, "traceback": redact_text(text)}


class _JsonFormatter(logging.Formatter):
    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        self._shape = shape

    def format(self, record: logging.LogRecord) -> str:
        line = json.dumps(self._shape.entry(record), ensure_ascii=False, default=str)
        # half a surrogate pair would make the stream refuse the line
        return line.encode("utf-8", "replace").decode()


class _PublishingHandler(logging.Handler):
    """Sends every record to the collector, as a log event."""

    def __init__(self, shape: _Shape, monitor: Monitor) -> None:
        super().__init__()
        self._shape = shape
        self._monitor = monitor

    def emit(self, record: logging.LogRecord) -> None:
        try:
            entry = self._shape.entry(record)
            row = {
                "time_ns": int(record.created * 1e9),
                "level": entry.pop("level"),
                "logger": entry.pop("logger"),
                "message": entry.pop("message"),
                "trace_id": entry.pop("trace_id", None),
                "request_id": entry.pop("request_id", None),
                "service": entry.pop("service"),
                "environment": entry.pop("environment"),
            }
            del entry["timestamp"]
            self._monitor.logs.put(("log", row | {"tags": _as_texts(entry)}))
        except Exception:
            self.handleError(record)


def _as_texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, default=str)
        for name, value in fields.items()
        if value is not None
    }


class _StreamHandler(logging.StreamHandler[IO[str]]):
    """A handler of ours, so that asking for a logger twice does not print twice."""


def new_logger(
    monitor: Monitor,
    name: str,
    fields: Mapping[str, str | None],
    level: int | str = "INFO",
    stream: IO[str] | None = None,
    publish: bool = True,
) -> StructuredLogger:
    """The structured logger ``name``; what an earlier call attached to it is replaced.

    Args:
        monitor: what log events are recorded into.
        name: of the standard logger.
        fields: ``service`` and ``environment`` of every line, None to use the monitor's.
        level: the least level that is logged.
        stream: where lines go; standard error if None.
        publish: whether lines also go to the collector.

    Raises:
        ValueError: unknown level.
    """
    logger = logging.getLogger(name)
    logger.setLevel(level)
    logger.propagate = False
    for handler in list(logger.handlers):
        if isinstance(handler, _StreamHandler | _PublishingHandler):
            logger.removeHandler(handler)
    shape = _Shape(fields, monitor)
    printer = _StreamHandler(stream or sys.stderr)
    printer.setFormatter(_JsonFormatter(shape))
    logger.addHandler(printer)
    if publish:
        logger.addHandler(_PublishingHandler(shape, monitor))
    return StructuredLogger(logger)
