"""Cheap quality scores of a response, from its texts alone: pure functions, no model, no I/O.

They find breakage and mismatch, not truth or style; each scorer's docstring says what it cannot do.
"""

from llmmon.quality.registry import SCORERS, score
from llmmon.quality.texts import Scorer, Texts

__all__ = ["SCORERS", "Scorer", "Texts", "score"]
