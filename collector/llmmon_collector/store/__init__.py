"""What is kept: every event, minute rollups, alerts, health, and who sent what."""

from llmmon_collector.store.base import (
    AgentRow,
    Committed,
    QueryError,
    QueryResult,
    Store,
    StoreError,
)

__all__ = ["AgentRow", "Committed", "QueryError", "QueryResult", "Store", "StoreError"]
