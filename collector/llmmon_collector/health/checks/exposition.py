"""Prometheus text to the samples that are wanted. Pure; bounded in size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from llmmon_collector.health.serving import MODEL_LABEL, START_TIME, WANTED

MAX_SAMPLES: Final = 20_000
_MAX_LINE: Final = 8192
_NAME: Final = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The wanted samples of one scrape."""

    mono_ns: int
    samples: Mapping[str, Mapping[Labels, float]]
    """By name without ``_total``, then by sorted labels. No NaN, nothing infinite."""
    started_s: float | None = None
    """When the server's process started, where it says so."""


def read_exposition(text: str, model: str | None, mono_ns: int) -> Reading:
    """What ``text`` says, of ``model`` only when that is given.

    Raises:
        ValueError: it is not Prometheus text, or has too many samples.
    """
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families("\n".join(_wanted_lines(text)) + "\n"):
        for sample in family.samples:
            if not math.isfinite(sample.value) or not _is_of(model, sample.labels):
                continue
            name = sample.name.removesuffix("_total")
            samples.setdefault(name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    started = samples.pop(START_TIME, {})
    return Reading(mono_ns, samples, next(iter(started.values()), None))


def _wanted_lines(text: str) -> Iterator[str]:
    """Types and help are left out: the names say all that is needed."""
    count = 0
    for line in text.split("\n"):
        found = _NAME.match(line)
        name = found.group() if found else ""
        if name.removesuffix("_total") not in WANTED and name != START_TIME:
            continue
        count += 1
        if count > MAX_SAMPLES:
            raise ValueError(f"more than {MAX_SAMPLES} samples of an inference server")
        if len(line) > _MAX_LINE:
            raise ValueError(f"a line is longer than {_MAX_LINE} characters")
        yield line


def _is_of(model: str | None, labels: Mapping[str, str]) -> bool:
    return model is None or labels.get(MODEL_LABEL, model) == model
