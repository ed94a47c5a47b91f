"""Rolling windows of requests, by series and over any grouping of series."""

from llmmon_collector.windows.history import History
from llmmon_collector.windows.rolling import Windows
from llmmon_collector.windows.trend import Trend, quality_trend

__all__ = ["History", "Trend", "Windows", "quality_trend"]
