"""From two scrapes to measurements: gauges, rates, shares and quantiles. Pure.

A counter that is lower than before began anew, as Prometheus's ``rate`` takes it. A series that was
not there before has grown from zero: servers add a series with its first request.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from llmmon.protocol.snapshot import Measurement
from llmmon_collector.health.checks.exposition import Labels, Reading
from llmmon_collector.health.serving import GAUGES, HISTOGRAMS, QUANTILES, RATES, SHARES


def measure(now: Reading, before: Reading | None) -> tuple[Measurement, ...]:
    """What ``now`` says, and with ``before`` what happened between; nothing that is not known."""
    found = list(_gauges(now))
    if before is not None and now.mono_ns > before.mono_ns:
        same = now.started_s == before.started_s
        was = before.samples if same else {}
        found += _rates(now, was, (now.mono_ns - before.mono_ns) / 1e9)
        found += _shares(now, was)
        found += _quantiles(now, was)
    return tuple(found)


def quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """The ``q``-quantile of cumulative ``buckets`` (upper bound: count), None without counts.

    Interpolates within the bucket as Prometheus's ``histogram_quantile`` does; what lies above the
    highest finite bound counts as that bound.
    """
    bounds = sorted(buckets)
    if len(bounds) < 2 or not math.isinf(bounds[-1]) or buckets[bounds[-1]] <= 0:
        return None
    rank = q * buckets[bounds[-1]]
    below, lower = 0.0, 0.0
    for bound in bounds[:-1]:
        count = max(below, buckets[bound])
        if count >= rank:
            share = (rank - below) / (count - below) if count > below else 1.0
            return lower + (bound - lower) * share if bound > 0 else bound
        below, lower = count, bound
    return lower


def _gauges(now: Reading) -> Iterator[Measurement]:
    for name, source in GAUGES.items():
        values = _present(now, source.names).values()
        if values:
            total = max(values) if source.over_series == "max" else sum(values)
            yield Measurement(name, total, source.unit)


def _rates(
    now: Reading, was: Mapping[str, Mapping[Labels, float]], passed_s: float
) -> Iterator[Measurement]:
    for name, source in RATES.items():
        known = next((one for one in source.names if one in now.samples), None)
        if known is not None:
            grown = _growth(now.samples[known], was.get(known, {}))
            yield Measurement(name, grown / passed_s, source.unit)


def _shares(now: Reading, was: Mapping[str, Mapping[Labels, float]]) -> Iterator[Measurement]:
    for name, source in SHARES.items():
        for part, whole in source.pairs:
            if part in now.samples and whole in now.samples:
                grown = _growth(now.samples[whole], was.get(whole, {}))
                if grown > 0:
                    share = _growth(now.samples[part], was.get(part, {})) / grown
                    yield Measurement(name, min(1.0, share), source.unit)
                break


def _quantiles(now: Reading, was: Mapping[str, Mapping[Labels, float]]) -> Iterator[Measurement]:
    for stem, names in HISTOGRAMS.items():
        buckets_of = [f"{name}_bucket" for name in names]
        known = next((one for one in buckets_of if one in now.samples), None)
        if known is None:
            continue
        grown = _bucket_growth(now.samples[known], was.get(known, {}))
        for suffix, q in QUANTILES.items():
            if (value_s := quantile(q, grown)) is not None:
                yield Measurement(f"{stem}_{suffix}_ms", value_s * 1000, "ms")


def _present(now: Reading, names: Sequence[str]) -> Mapping[Labels, float]:
    return next((now.samples[name] for name in names if name in now.samples), {})


def _growth(now: Mapping[Labels, float], was: Mapping[Labels, float]) -> float:
    total = 0.0
    for labels, value in now.items():
        old = was.get(labels, 0.0)
        total += value - old if value >= old else value
    return max(0.0, total)


def _bucket_growth(now: Mapping[Labels, float], was: Mapping[Labels, float]) -> dict[float, float]:
    """Over all series, by upper bound. A series of which any bucket is lower began anew."""
    new, old = _by_series(now), _by_series(was)
    grown: dict[float, float] = {}
    for series, buckets in new.items():
        base = old.get(series, {})
        if any(count < base.get(bound, 0.0) for bound, count in buckets.items()):
            base = {}
        for bound, count in buckets.items():
            grown[bound] = grown.get(bound, 0.0) + count - base.get(bound, 0.0)
    return grown


def _by_series(samples: Mapping[Labels, float]) -> dict[Labels, dict[float, float]]:
    found: dict[Labels, dict[float, float]] = {}
    for labels, count in samples.items():
        series = tuple(pair for pair in labels if pair[0] != "le")
        bound = _bound(dict(labels).get("le", ""))
        if bound is not None:
            found.setdefault(series, {})[bound] = count
    return found


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound
