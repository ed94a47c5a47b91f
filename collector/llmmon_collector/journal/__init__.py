"""What the collector has acknowledged and not yet folded into its store, on disk."""

from llmmon_collector.journal.errors import JournalError
from llmmon_collector.journal.journal import Cursor, Entry, Journal

__all__ = ["Cursor", "Entry", "Journal", "JournalError"]
