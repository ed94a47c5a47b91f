"""What rules can speak of: metrics and labels by family. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmmon.protocol.names import DIMENSIONS, FAMILIES, Metric

REQUESTS: Final = "requests"
"""The family whose rows are made by a rule's ``window``, ``by`` and ``where``; in the others each
row of the table is there for itself."""

CHECKS: Final = "checks"

LABELS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        REQUESTS: DIMENSIONS,
        CHECKS: ("check", "type"),
        "slos": ("slo", *DIMENSIONS),
        "budgets": ("budget", *DIMENSIONS),
    }
)
"""What a ``where`` may name, by family."""

FAMILY_OF: Final[Mapping[str, str]] = MappingProxyType(
    {metric: family for family, metrics in FAMILIES.items() for metric in metrics}
)
"""The family of each metric."""

EVERY_METRIC: Final[Mapping[str, Metric]] = MappingProxyType(
    {name: metric for metrics in FAMILIES.values() for name, metric in metrics.items()}
)
