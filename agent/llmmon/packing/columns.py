"""Rows as callers left them to the columns that travel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from llmmon.packing.cleaning import clean_column, clean_value, ready_column
from llmmon.protocol.event import REQUEST, SCHEMA, Field, Kind, Type
from llmmon.protocol.money import PICO_PER_USD, pico_usd
from llmmon.protocol.table import SMALL, Ready, are_same, pack_near
from llmmon.protocol.wire import encode_series

ROW: Final = (
    "series",
    "counter",
    "end_ns",
    "latency_ms",
    "ttft_ms",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_usd",
    "error",
    "user_id",
    "session_id",
    "extra",
)
"""What a request's tuple holds, in order. ``series`` is a ``Series`` or its dimensions."""

EXTRA: Final = ROW.index("extra")

_FIELDS: Final = MappingProxyType({field.name: field for field in REQUEST})
_NAMED: Final = frozenset(_FIELDS) - {"series", "counter", "start_ns", "cost_pico_usd"}
_OWN: Final = frozenset(("series", "counter"))
_DIMENSION: Final = Field(0, "dimension", Type.STR, "", "")
_EXACT_FLOAT_USD: Final = 1000.0
_MAX_USD: Final = 1e3
_NEEDED: Final = {Kind.SCORE: ("request_id", "name", "value"), Kind.SPAN: ("id",)}


class Columns(NamedTuple):
    """One batch's requests."""

    series: list[bytes]
    columns: dict[str, Sequence[Any] | Ready]


class SeriesCodes(dict[Any, int]):
    """Series of one batch, by what callers named them with; a missing one gets the next number."""

    def __init__(self, service: str, environment: str) -> None:
        super().__init__()
        self._place = (service, environment)
        self.packed: list[bytes] = []

    def __missing__(self, series: Any) -> int:
        self.packed.append(encode_series((*self._place, *_series_key(series))))
        code = self[series] = len(self.packed) - 1
        return code


def _series_key(series: Any) -> tuple[str | None, ...]:
    # already text or None, or a caller's mistake: then its text, cut
    dims = getattr(series, "dims", series)
    return tuple(None if d is None else clean_value(_DIMENSION, d) for d in dims)


def _series_codes(codes: SeriesCodes, named: Sequence[Any]) -> list[int]:
    try:
        return [*map(codes.__getitem__, named)]
    except Exception:
        # a list as model, an object whose __hash__ raises: what is no key goes by its text
        return [codes[_series_key(series)] for series in named]


def request_columns(rows: Sequence[tuple[Any, ...]], service: str, environment: str) -> Columns:
    """The columns of ``rows``, laid out as ``ROW``.

    Raises:
        TypeError, ValueError: a row is not of that layout.
    """
    columns: dict[str, Sequence[Any]] = dict(zip(ROW, zip(*rows, strict=True), strict=True))
    codes = SeriesCodes(service, environment)
    columns["series"] = _series_codes(codes, columns["series"])
    extras = columns.pop("extra")
    if extras.count(None) < len(rows):
        columns |= spread_extras(extras, columns)
    if columns["error"].count(None) < len(rows):
        columns["error"] = [_error(error) for error in columns["error"]]
    costs = columns.pop("cost_usd")
    clean: dict[str, Sequence[Any] | Ready] = {
        name: _own_column(name, values) if name in _OWN else _clean(name, values)
        for name, values in columns.items()
        if name in _FIELDS
    }
    clean["start_ns"] = _starts(columns, clean["latency_ms"])
    if costs.count(None) < len(rows):
        clean["cost_pico_usd"] = [None if cost is None else clean_cost(cost) for cost in costs]
    return Columns(codes.packed, clean)


def _own_column(name: str, values: Sequence[Any]) -> Sequence[Any] | Ready:
    if len(values) < SMALL or are_same(values):
        return values
    return pack_near(_FIELDS[name].type, values)


def _clean(name: str, values: Sequence[Any]) -> Sequence[Any] | Ready:
    field = _FIELDS[name]
    return ready_column(field, values) or clean_column(field, values)


def spread_extras(
    extras: Sequence[Mapping[str, Any] | None], base: Mapping[str, Sequence[Any]]
) -> dict[str, Sequence[Any]]:
    """Columns of what requests carry beside their row; names that are no field become tags.

    Raises:
        TypeError: an extra is no dict.
    """
    columns: dict[str, list[Any]] = {}
    for index, extra in enumerate(extras):
        if extra is None:
            continue
        if not isinstance(extra, dict):
            raise TypeError(f"extra: expected a dict, got {type(extra).__name__}")
        for name, value in extra.items():
            if value is None:
                continue
            known = name if name in _NAMED or name in ("cost_usd", "start_ns") else "tags"
            column = columns.get(known)
            if column is None:
                column = columns[known] = list(base.get(known) or (None,) * len(extras))
            if known == name != "tags":
                column[index] = value
            else:
                more = value if isinstance(value, dict) and name == "tags" else {name: value}
                column[index] = {**(column[index] or {}), **more}
    return dict(columns)


def _error(error: Any) -> Any:
    # a caller may tell it by a yes or a no
    if isinstance(error, bool):
        return "error" if error else None
    return error


def _starts(columns: Mapping[str, Sequence[Any]], cleaned: Sequence[Any] | Ready) -> Sequence[int]:
    ends = columns["end_ns"]
    latencies = columns["latency_ms"] if isinstance(cleaned, Ready) else cleaned
    try:
        starts = [end - int(ms * 1e6) for end, ms in zip(ends, latencies, strict=True)]
    except TypeError:
        starts = [end - int((ms or 0.0) * 1e6) for end, ms in zip(ends, latencies, strict=True)]
    for index, told in enumerate(columns.get("start_ns", ())):
        if isinstance(told, int) and 0 <= told < 2**63:
            starts[index] = told
    return starts


def clean_cost(cost: Any) -> int | None:
    """An amount in pico-dollars; None for nonsense: negative, not finite, over a thousand."""
    # below 1,000 dollars a float times 1e12 is off by less than half a pico-dollar
    if type(cost) is float and 0.0 <= cost < _EXACT_FLOAT_USD:
        return round(cost * PICO_PER_USD)
    try:
        return pico_usd(cost) if 0 <= cost <= _MAX_USD else None
    except Exception:
        # any object can come from a caller; decimal raises ArithmeticError on some
        return None


def event_columns(kind: Kind, rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
    """The columns of spans, logs or scores, each row a map by field name.

    Raises:
        ValueError: a row lacks what its kind needs.
    """
    columns = {field.name: _column(field, rows) for field in SCHEMA[kind]}
    for name in _NEEDED.get(kind, ()):
        if None in columns[name]:
            raise ValueError(f"{kind}: an event without {name}")
    return columns


def _column(field: Field, rows: Iterable[Mapping[str, Any]]) -> Sequence[Any]:
    return clean_column(field, [row.get(field.name) for row in rows])
