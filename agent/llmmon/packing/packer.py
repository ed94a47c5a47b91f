"""Rows from the lanes to the payloads of batches: scored, redacted, cleaned, encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from time import thread_time
from typing import Any, Final, NamedTuple

from llmmon.config import Config
from llmmon.packing.columns import EXTRA, event_columns, request_columns
from llmmon.packing.redaction import redact_text
from llmmon.packing.scoring import TEXT_FIELDS, ScoreBudget, as_text, is_sampled, score_extra
from llmmon.protocol.event import Kind, request_id
from llmmon.protocol.table import Ready
from llmmon.protocol.wire import MAX_PAYLOAD, encode_batch

CHUNK: Final = 256
"""Rows in one batch at most."""

_COUNTER: Final = 1
_TEXTS: Final = frozenset(TEXT_FIELDS)


class Packed(NamedTuple):
    """A payload, or events that cannot become one."""

    payload: bytes | None
    events: int
    problem: str = ""
    """Why there is no payload: a reason of loss."""


class Packer:
    """Turns rows into payloads for one process."""

    def __init__(self, config: Config, id_prefix: str, now_s: float) -> None:
        self.config = config
        self._id_prefix = id_prefix
        self._budget = ScoreBudget(config.score_cpu_share, now_s)

    def requests(
        self, rows: Sequence[tuple[Any, ...]], lost: Mapping[str, int], now_s: float
    ) -> list[Packed]:
        """Batches of requests; ``lost`` are all losses so far, by reason."""
        self._prepare_texts(rows, now_s)

        def encode(part: Sequence[Any]) -> bytes:
            place = self.config.service, self.config.environment
            series, columns = request_columns(part, *place)
            return self._encode(series, {Kind.REQUEST: (len(part), columns)}, lost)

        return list(_pack(rows, encode))

    def events(
        self, rows: Sequence[tuple[str, Mapping[str, Any]]], lost: Mapping[str, int]
    ) -> list[Packed]:
        """Batches of spans, scores and logs: pairs of kind and fields."""

        def encode(part: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
            by_kind: dict[Kind, list[Mapping[str, Any]]] = {}
            for kind, fields in part:
                by_kind.setdefault(Kind(kind), []).append(self._completed(fields))
            tables = {k: (len(found), event_columns(k, found)) for k, found in by_kind.items()}
            return self._encode([], tables, lost)

        return list(_pack(rows, encode))

    def _completed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"service": self.config.service, "environment": self.config.environment} | {
            name: value for name, value in fields.items() if value is not None
        }

    def _encode(
        self,
        series: Sequence[bytes],
        tables: Mapping[Kind, tuple[int, Mapping[str, Sequence[Any] | Ready]]],
        lost: Mapping[str, int],
    ) -> bytes:
        return encode_batch(self.config.host, self._id_prefix, series, tables, lost)

    def _prepare_texts(self, rows: Sequence[tuple[Any, ...]], now_s: float) -> None:
        with_texts = [row for row in rows if row[EXTRA] is not None and _has_texts(row[EXTRA])]
        if with_texts:
            self._score(with_texts, now_s)
        for row in with_texts:
            self._clear_texts(row[EXTRA])

    def _score(self, rows: Sequence[tuple[Any, ...]], now_s: float) -> None:
        if self.config.scorers == "none":
            return
        rate = self._budget.rate(len(rows), now_s)
        sample = [row[EXTRA] for row in rows if is_sampled(self._id_of(row), rate)]
        began_s = thread_time()
        for extra in sample:
            _score_safely(extra, self.config.scorers, rate)
        self._budget.spent(len(sample), thread_time() - began_s)

    def _id_of(self, row: tuple[Any, ...]) -> str:
        own_id = row[EXTRA].get("id")
        return own_id if isinstance(own_id, str) else request_id(self._id_prefix, row[_COUNTER])

    def _clear_texts(self, extra: dict[str, Any]) -> None:
        extra.pop("expected_format", None)
        for name in TEXT_FIELDS:
            content = extra.pop(name, None)
            if self.config.capture_content and content is not None:
                extra[name] = _safe_text(content)


def _has_texts(extra: object) -> bool:
    # what is no dict is refused as a row, so its texts do not slip through
    return isinstance(extra, dict) and not _TEXTS.isdisjoint(extra)


def _score_safely(extra: dict[str, Any], scorers: str, rate: float) -> None:
    try:
        score_extra(extra, scorers, rate)
    except Exception:
        # a caller's objects may raise anything when they are read; then there is no score
        return


def _safe_text(content: Any) -> str | None:
    try:
        text = as_text(content)
        return None if text is None else redact_text(text)
    except Exception:
        # as above; and what cannot be redacted does not leave the process
        return None


def _pack(rows: Sequence[Any], encode: Callable[[Sequence[Any]], bytes]) -> Iterator[Packed]:
    problem = "oversize"
    try:
        payload = encode(rows)
    except Exception:
        # any object can come from a caller: halve until the event that cannot be told is alone
        problem = "unencodable"
    else:
        if len(payload) <= MAX_PAYLOAD:
            yield Packed(payload, len(rows))
            return
    if len(rows) == 1:
        yield Packed(None, 1, problem)
        return
    middle = len(rows) // 2
    yield from _pack(rows[:middle], encode)
    yield from _pack(rows[middle:], encode)
