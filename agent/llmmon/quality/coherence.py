"""Does the response hold together as text?"""

import math

from llmmon.quality.breakage import garble_evidence, loop_evidence, truncation_evidence
from llmmon.quality.flow import measure_flow
from llmmon.quality.texts import Texts, clip
from llmmon.quality.word_order import word_order_evidence

_PRIOR = 3.0
_DISORDER_WEIGHT = 1.0
_DRIFT_WEIGHT = 1.0


def coherence(texts: Texts) -> float | None:
    """Score from 0 to 1 that the response is whole, readable text on one topic.

    Separate detectors each add evidence against it in log odds: a loop, garbled characters, an
    answer cut off, shuffled words, sentences out of order, a topic left. It judges breakage, not
    style, sense or truth: fluent nonsense scores high, and word order and sentence order are read
    in English only. None without a response.
    """
    response = clip(texts.response)
    if not response:
        return None
    flow = measure_flow(response, clip(texts.query))
    against = (
        loop_evidence(response)
        + garble_evidence(response)
        + truncation_evidence(response)
        + word_order_evidence(response)
        + _DISORDER_WEIGHT * _softplus(flow.disorder)
        + _DRIFT_WEIGHT * _softplus(flow.drift)
    )
    return 1.0 / (1.0 + math.exp(against - _PRIOR))


def _softplus(log_odds: float) -> float:
    return math.log1p(math.exp(log_odds))
