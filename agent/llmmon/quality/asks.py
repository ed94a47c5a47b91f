"""What a query asks of the form of its answer, as checks that can be run on the response."""

from llmmon.quality import ask_layout, ask_lengths, ask_words
from llmmon.quality.checks import Check

_FINDERS = (
    ask_lengths.find_lengths,
    ask_lengths.find_case,
    ask_lengths.find_paragraph_start,
    ask_layout.find_punctuation,
    ask_layout.find_layout,
    ask_layout.find_marks,
    ask_words.find_keywords,
    ask_words.find_forbidden,
    ask_words.find_ending,
    ask_words.find_language,
    ask_words.find_repetition,
)


def find_checks(query: str) -> list[Check]:
    """The checks that `query` asks for in words; none when it asks for nothing that is known."""
    lower = query.lower().replace("“", '"').replace("”", '"').replace("’", "'")
    return [check for find in _FINDERS for check in find(query, lower)]
