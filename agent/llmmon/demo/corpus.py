"""The demo's data as it is shipped: arrivals, measured requests, texts with their answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, Final, NamedTuple

from llmmon.demo.trace import TraceReader, TraceRow

ARRIVALS: Final = "azure2023_conversation.csv.gz"
MEASURED: Final = "llmperf_requests.csv.gz"
PAIRS: Final = "pairs.jsonl.gz"

_API_NAMES: Final = {
    ("groq", "llama-2-70b-chat"): "llama2-70b-4096",
    ("together", "llama-2-7b-chat"): "meta-llama/Llama-2-7b-chat-hf",
    ("together", "llama-2-13b-chat"): "meta-llama/Llama-2-13b-chat-hf",
    ("together", "llama-2-70b-chat"): "meta-llama/Llama-2-70b-chat-hf",
}
"""The provider's own name of the same model, where the price table knows it. The others keep
LLMPerf's and show as unpriced."""


_ERRORS: Final = {"-1": "no_answer", "-100": "too_few_tokens"}
"""What LLMPerf's own codes stand for; the others are HTTP statuses."""


class Arrival(NamedTuple):
    """One request of the production trace."""

    t_s: float
    input_tokens: int
    output_tokens: int


class Measured(NamedTuple):
    """One request that LLMPerf sent and timed; None where it failed before there was a time."""

    provider: str
    model: str
    output_tokens: int | None
    latency_ms: float | None
    ttft_ms: float | None
    error: str | None
    status_code: int | None


class Pair(NamedTuple):
    """A real question or document with a real answer."""

    route: str
    operation: str
    query: str
    response: str
    context: str | None


class Corpus(NamedTuple):
    """Everything the workload draws from."""

    arrivals: tuple[Arrival, ...]
    measured: tuple[Measured, ...]
    pairs: tuple[Pair, ...]


def load_corpus() -> Corpus:
    """The shipped data."""
    return Corpus(
        arrivals=tuple(_arrival(row) for row in _rows(ARRIVALS)),
        measured=tuple(_measured(row.fields) for row in _rows(MEASURED)),
        pairs=tuple(_pair(json.loads(line)) for line in _lines(PAIRS)),
    )


def _lines(name: str) -> Iterator[str]:
    packed = (files("llmmon.demo") / "data" / name).read_bytes()
    yield from gzip.decompress(packed).decode().rstrip("\n").split("\n")


def _rows(name: str) -> Iterator[TraceRow]:
    for row in TraceReader(_lines(name)):
        if isinstance(row, TraceRow):
            yield row


def _arrival(row: TraceRow) -> Arrival:
    return Arrival(row.t_s or 0.0, row.fields["input_tokens"], row.fields["output_tokens"])


def _measured(fields: dict[str, Any]) -> Measured:
    provider, model, error = fields["provider"], fields["model"], fields.get("error")
    return Measured(
        provider=provider,
        model=_API_NAMES.get((provider, model), model),
        output_tokens=None if error else fields["output_tokens"],
        latency_ms=fields.get("latency_ms"),
        ttft_ms=fields.get("ttft_ms"),
        error=None if error is None else _ERRORS.get(error, error),
        status_code=fields.get("status_code"),
    )


def _pair(row: dict[str, Any]) -> Pair:
    return Pair(row["route"], row["operation"], row["query"], row["response"], row.get("context"))
