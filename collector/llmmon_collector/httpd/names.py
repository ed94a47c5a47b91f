"""What metrics and dimensions are called outside: OpenTelemetry's GenAI names where it has one.

Names follow the GenAI semantic conventions v1.41, spelled as its Prometheus exporters spell them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from llmmon.protocol.names import METRICS, Metric


class Exported(NamedTuple):
    """How one metric leaves."""

    name: str
    meaning: str
    scale: float
    """What to multiply the inner value with to get the outer unit."""
    labels: tuple[tuple[str, str], ...] = ()


LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "service": "service_name",
        "environment": "deployment_environment_name",
        "operation": "gen_ai_operation_name",
        "provider": "gen_ai_provider_name",
        "model": "gen_ai_request_model",
        "route": "http_route",
    }
)
"""Outward label of each dimension."""

_QUANTILES: Final = {
    "latency": ("gen_ai_client_operation_duration_seconds", "time from start to last byte"),
    "ttft": ("gen_ai_client_operation_time_to_first_chunk_seconds", "time to first token"),
    "tpot": ("llmmon_time_per_output_token_seconds", "time per output token after the first"),
    "max_gap": ("llmmon_longest_chunk_gap_seconds", "longest wait between chunks"),
}
_TOKENS: Final = {"input_tokens": "input", "output_tokens": "output"}
_UNIT_SUFFIX: Final = {"ms": "_seconds", "usd": "_usd", "ratio": "_ratio"}
_ENDINGS: Final = {"usd": ("_usd",), "ratio": ("_ratio", "_rate"), "ms": ()}


def _exported(metric: str, meta: Metric) -> Exported:
    stem, _, quantile = metric.rpartition("_p")
    if stem in _QUANTILES and quantile.isdecimal():
        return Exported(*_QUANTILES[stem], 1e-3, (("quantile", f"{int(quantile) / 100:g}"),))
    if metric in _TOKENS:
        kind = (("gen_ai_token_type", _TOKENS[metric]),)
        return Exported("gen_ai_client_token_usage", "tokens in the window", 1.0, kind)
    suffix = _UNIT_SUFFIX.get(meta.unit, "")
    if metric.endswith(_ENDINGS.get(meta.unit, ())):
        suffix = ""
    scale = 1e-3 if meta.unit == "ms" else 1.0
    return Exported(f"llmmon_{metric}{suffix}", meta.meaning, scale)


EXPORTED: Final[Mapping[str, Exported]] = MappingProxyType(
    {name: _exported(name, meta) for name, meta in METRICS.items()}
)
"""Every metric of ``METRICS`` by its outward name; some share one and differ in a label."""
