"""The sets of scorers by name, and one call that runs a set."""

from collections.abc import Mapping
from types import MappingProxyType

from llmmon.quality import seed
from llmmon.quality.coherence import coherence
from llmmon.quality.format import format_score
from llmmon.quality.grounding import factuality
from llmmon.quality.refusal import refusal
from llmmon.quality.relevance import relevance
from llmmon.quality.safety import safety
from llmmon.quality.texts import Scorer, Texts

SCORERS: Mapping[str, Mapping[str, Scorer]] = MappingProxyType(
    {
        "simple": MappingProxyType(
            {
                "relevance": relevance,
                "coherence": coherence,
                "safety": safety,
                "refusal": refusal,
                "format": format_score,
                "factuality": factuality,
            }
        ),
        "seed": MappingProxyType(
            {
                "relevance": seed.relevance,
                "coherence": seed.coherence,
                "safety": seed.safety,
                "refusal": seed.refusal,
                "format": seed.format_score,
            }
        ),
    }
)
"""Set name to score name to scorer: "simple" is the default, "seed" the naive baseline,
which knows no factuality."""


def score(texts: Texts, scorers: str = "simple") -> dict[str, float]:
    """Run a set of SCORERS on one request's texts; only the scores that could be judged.

    Every score lies from 0 to 1. Long texts are judged by head and tail (PROSE_LIMIT_CHARS), so the
    CPU cost of a call is bounded. Raises ValueError for an unknown set name.
    """
    if scorers not in SCORERS:
        known = ", ".join(map(repr, sorted(SCORERS)))
        raise ValueError(f"scorers: expected one of {known}, got {scorers!r}; pass one of these")
    judged = {name: scorer(texts) for name, scorer in SCORERS[scorers].items()}
    return {name: value for name, value in judged.items() if value is not None}
