"""Scores of texts within a CPU budget: all requests while it lasts, then a sample of them.

Which requests are in the sample follows from their ids alone, so the same ones are scored wherever
the rate is the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from llmmon.quality import Texts, score

TEXT_FIELDS: Final = ("query", "response", "context")

_BURST_S: Final = 2.0
_COST_GAIN: Final = 0.2
_FIRST_COST_S: Final = 200e-6
_HALVINGS: Final = 10


class ScoreBudget:
    """Which share of requests can be scored. Times are seconds: monotonic, and of CPU."""

    def __init__(self, cpu_share: float, now_s: float) -> None:
        self._cpu_share = cpu_share
        self._saved_s = cpu_share * _BURST_S
        self._at_s = now_s
        self._cost_s = _FIRST_COST_S

    def rate(self, requests: int, now_s: float) -> float:
        """The share of ``requests`` to score: 1, 1/2, 1/4 ... 1/1024, or 0 with no budget."""
        if not self._cpu_share:
            return 0.0
        earned_s = self._cpu_share * max(0.0, now_s - self._at_s)
        self._at_s = now_s
        self._saved_s = min(self._saved_s + earned_s, self._cpu_share * _BURST_S)
        rate = 1.0
        for _ in range(_HALVINGS):
            if requests * rate * self._cost_s <= self._saved_s:
                break
            rate /= 2
        return rate

    def spent(self, scored: int, cpu_s: float) -> None:
        """``scored`` requests took ``cpu_s``."""
        self._saved_s -= cpu_s
        if scored:
            self._cost_s += _COST_GAIN * (cpu_s / scored - self._cost_s)


def is_sampled(request_id: str, rate: float) -> bool:
    """Whether a request is one of the ``rate`` (0 to 1) that are scored."""
    return rate >= 1.0 or zlib.crc32(request_id.encode("utf-8", "replace")) < rate * 2**32


def score_extra(extra: MutableMapping[str, Any], scorers: str, rate: float) -> None:
    """Add the scores of the texts in ``extra``, except those that the caller gave himself."""
    query, response, context = (as_text(extra.get(name)) for name in TEXT_FIELDS)
    texts = Texts(query, response, context, extra.get("expected_format"))
    scores = score(texts, scorers=scorers)
    if scores:
        for name, value in scores.items():
            extra.setdefault(name, value)
        extra["score_sample"] = rate


def as_text(content: Any) -> str | None:
    """Text, messages or documents as one text; None where there is none."""
    if content is None or isinstance(content, str):
        return content
    if isinstance(content, bytes | bytearray):
        return content.decode("utf-8", "replace")
    if isinstance(content, Mapping):
        inner = content.get("content", content.get("text"))
        if inner is None:
            # a message or a part of one that holds no text: a call of a tool, an image
            return None if "role" in content or "type" in content else str(dict(content))
        return as_text(inner)
    if isinstance(content, Sequence):
        return "\n".join(filter(None, map(as_text, content)))
    return str(content)
