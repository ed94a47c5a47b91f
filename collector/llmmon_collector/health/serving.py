"""What inference servers tell of themselves, by the names of their Prometheus metrics. Pure.

The names are those of the pages "Production Metrics" of vLLM (0.8 to 0.32) and of SGLang, and of
"Metrics" of Text Generation Inference. Where a name has changed, the new one comes first. Counters
are written without ``_total``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

MODEL_LABEL: Final = "model_name"
"""The label that tells models apart, where a server has it."""

START_TIME: Final = "process_start_time_seconds"
"""When the server's process started; another value than before means that it began anew."""

QUANTILES: Final[Mapping[str, float]] = MappingProxyType({"p50": 0.5, "p95": 0.95, "p99": 0.99})


class Gauge(NamedTuple):
    """A number that is true now."""

    unit: str
    over_series: Literal["sum", "max"]
    names: tuple[str, ...]


class Rate(NamedTuple):
    """A counter's growth a second."""

    unit: str
    names: tuple[str, ...]


class Share(NamedTuple):
    """The growth of one counter over that of another."""

    unit: str
    pairs: tuple[tuple[str, str], ...]


GAUGES: Final[Mapping[str, Gauge]] = MappingProxyType(
    {
        "requests_running": Gauge(
            "requests",
            "sum",
            ("vllm:num_requests_running", "sglang:num_running_reqs", "tgi_batch_current_size"),
        ),
        "requests_waiting": Gauge(
            "requests",
            "sum",
            ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size"),
        ),
        "cache_usage": Gauge(
            "ratio",
            "max",
            ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"),
        ),
    }
)

RATES: Final[Mapping[str, Rate]] = MappingProxyType(
    {
        "requests_per_s": Rate(
            "1/s", ("vllm:request_success", "sglang:num_requests", "tgi_request_count")
        ),
        "prompt_tokens_per_s": Rate(
            "1/s", ("vllm:prompt_tokens", "sglang:prompt_tokens", "tgi_request_input_length_sum")
        ),
        "output_tokens_per_s": Rate(
            "1/s",
            (
                "vllm:generation_tokens",
                "sglang:generation_tokens",
                "tgi_request_generated_tokens_sum",
            ),
        ),
        "preemptions_per_s": Rate("1/s", ("vllm:num_preemptions", "sglang:num_retracted_requests")),
    }
)

SHARES: Final[Mapping[str, Share]] = MappingProxyType(
    {
        "prefix_cache_hit_ratio": Share(
            "ratio",
            (
                ("vllm:prefix_cache_hits", "vllm:prefix_cache_queries"),
                ("vllm:gpu_prefix_cache_hits", "vllm:gpu_prefix_cache_queries"),
                ("sglang:cached_tokens", "sglang:prompt_tokens"),
            ),
        ),
    }
)

HISTOGRAMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ttft": ("vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds"),
        "e2e": (
            "vllm:e2e_request_latency_seconds",
            "sglang:e2e_request_latency_seconds",
            "tgi_request_duration",
        ),
        "tpot": (
            "vllm:inter_token_latency_seconds",
            "vllm:time_per_output_token_seconds",
            "sglang:inter_token_latency_seconds",
            "sglang:time_per_output_token_seconds",
            "tgi_request_mean_time_per_token_duration",
        ),
        "queue": (
            "vllm:request_queue_time_seconds",
            "sglang:queue_time_seconds",
            "tgi_request_queue_duration",
        ),
    }
)
"""In seconds; measured as quantiles in milliseconds, such as ``ttft_p95_ms``."""


def _measurements() -> dict[str, str]:
    kinds: tuple[Mapping[str, Gauge | Rate | Share], ...] = (GAUGES, RATES, SHARES)
    units = {name: source.unit for kind in kinds for name, source in kind.items()}
    return units | {f"{stem}_{q}_ms": "ms" for stem in HISTOGRAMS for q in QUANTILES}


MEASUREMENTS: Final[Mapping[str, str]] = MappingProxyType(_measurements())
"""Every measurement of a ``scrape`` check with its unit."""


def _wanted() -> frozenset[str]:
    wanted = {name for kind in (GAUGES, RATES) for source in kind.values() for name in source.names}
    wanted |= {name for share in SHARES.values() for pair in share.pairs for name in pair}
    wanted |= {f"{name}_bucket" for names in HISTOGRAMS.values() for name in names}
    return frozenset(wanted)


WANTED: Final[frozenset[str]] = _wanted()
"""The samples that are read, without ``_total``."""
