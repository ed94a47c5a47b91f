"""Requests as the demo plays them: Azure's arrivals with LLMPerf's answers. Pure and seeded.

Latency, time to first token, output tokens and error are one measured request's, whole: they are
never mixed, scaled or made up, so that rates hold too. When a request arrives and its input tokens
are the production trace's. What is chosen at random is which of a provider's measured requests,
with about as many output tokens, an arrival gets.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from llmmon.demo.corpus import Arrival, Corpus, Measured, Pair

SHARES: Final = {
    "together": 0.30,
    "groq": 0.20,
    "fireworks": 0.15,
    "anyscale": 0.10,
    "replicate": 0.10,
    "lepton": 0.10,
    "perplexity": 0.05,
}
"""How traffic spreads over the providers."""
SLOW_PROVIDER: Final = "replicate"
FAILING_PROVIDER: Final = "lepton"
_WELL_MS: Final = 5_000.0
"""The slow provider's requests up to here are its good ones."""
_SLOW_MS: Final = 12_000.0
"""What takes longer is kept for the incident (and of the other providers left out)."""
_NEAREST: Final = 30
_USERS: Final = 60
_SESSION_S: Final = 600.0


class Incident(NamedTuple):
    """One provider slows down, then another refuses calls, then all recover."""

    start_s: float
    slow_s: float
    failing_s: float

    def phase(self, t_s: float) -> str:
        """``steady``, ``slow`` or ``failing``."""
        since_s = t_s - self.start_s
        if 0 <= since_s < self.slow_s:
            return "slow"
        return "failing" if self.slow_s <= since_s < self.slow_s + self.failing_s else "steady"


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """One request of the demo, in seconds since the workload's beginning."""

    start_s: float
    measured: Measured
    input_tokens: int | None
    pair: Pair
    user_id: str
    session_id: str

    @property
    def end_s(self) -> float:
        """When its answer was complete, or the error came."""
        return self.start_s + (self.measured.latency_ms or 0.0) / 1000.0


class Moment(NamedTuple):
    """The beginning or the end of a request."""

    t_s: float
    number: int
    """The request's, from 0."""
    request: PlannedRequest
    ended: bool


class _Pool:
    """Measured requests of one provider: the fine ones by output tokens, the failed ones."""

    def __init__(self, requests: Iterable[Measured]) -> None:
        by_fate: tuple[list[Measured], list[Measured]] = ([], [])
        for request in requests:
            by_fate[request.error is not None].append(request)
        self._fine = sorted(by_fate[0], key=lambda request: request.output_tokens or 0)
        self._failed = by_fate[1]
        self._sizes = [request.output_tokens or 0 for request in self._fine]

    def draw(self, output_tokens: int, rng: Random) -> Measured:
        if rng.randrange(len(self._fine) + len(self._failed)) < len(self._failed):
            return rng.choice(self._failed)
        middle = bisect_left(self._sizes, output_tokens)
        first = max(0, min(middle - _NEAREST // 2, len(self._fine) - _NEAREST))
        return rng.choice(self._fine[first : first + _NEAREST])


def plan(
    corpus: Corpus, rng: Random, incident: Incident | None = None, speed: float = 1.0
) -> Iterator[PlannedRequest]:
    """Requests in the order they begin, without end: the trace starts over when it is through.

    ``speed`` brings arrivals that many times closer together; it leaves latencies alone.
    """
    pools = {phase: _pools(corpus.measured, phase) for phase in ("steady", "slow", "failing")}
    providers, shares = list(SHARES), list(SHARES.values())
    for start_s, arrival in _arrivals(corpus.arrivals, speed):
        phase = incident.phase(start_s) if incident else "steady"
        provider = rng.choices(providers, shares)[0]
        measured = pools[phase][provider].draw(arrival.output_tokens, rng)
        user = f"user-{rng.randrange(_USERS):02}"
        yield PlannedRequest(
            start_s=start_s,
            measured=measured,
            input_tokens=None if measured.error else arrival.input_tokens,
            pair=rng.choice(corpus.pairs),
            user_id=user,
            session_id=f"{user}-{int(start_s // _SESSION_S)}",
        )


def moments(requests: Iterable[PlannedRequest]) -> Iterator[Moment]:
    """When each request begins and ends, in order of time, holding only those that are open."""
    still_open: list[tuple[float, int, PlannedRequest]] = []
    for number, request in enumerate(requests):
        while still_open and still_open[0][0] <= request.start_s:
            yield _end(heapq.heappop(still_open))
        yield Moment(request.start_s, number, request, False)
        heapq.heappush(still_open, (request.end_s, number, request))
    while still_open:
        yield _end(heapq.heappop(still_open))


def _end(item: tuple[float, int, PlannedRequest]) -> Moment:
    return Moment(*item, True)


def _arrivals(arrivals: Sequence[Arrival], speed: float) -> Iterator[tuple[float, Arrival]]:
    first_s, last_s = arrivals[0].t_s, arrivals[-1].t_s
    lap_s = (last_s - first_s) * len(arrivals) / max(1, len(arrivals) - 1)
    passed_s = 0.0
    while True:
        for arrival in arrivals:
            yield (passed_s + arrival.t_s - first_s) / speed, arrival
        passed_s += lap_s or 1.0


def _pools(measured: Sequence[Measured], phase: str) -> dict[str, _Pool]:
    return {
        provider: _Pool(
            request
            for request in measured
            if request.provider == provider and _belongs(request, phase)
        )
        for provider in SHARES
    }


def _belongs(request: Measured, phase: str) -> bool:
    """Whether a provider answers so in ``phase``: outside an incident, well and in good time."""
    latency_ms = request.latency_ms or 0.0
    if request.provider == SLOW_PROVIDER:
        return latency_ms > _SLOW_MS if phase == "slow" else latency_ms <= _WELL_MS
    if request.provider == FAILING_PROVIDER:
        return phase == "failing" or request.error is None
    return latency_ms <= _SLOW_MS
