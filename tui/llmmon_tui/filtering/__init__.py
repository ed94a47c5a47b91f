"""One filter language for every table: `model:gpt-4o latency_ms>3000 error -op:judge "rate limit"`.

A filter is terms that all have to hold. A term is text that some label holds, a flag such as
`error`, `field:text`, or a comparison of a number. `-` or `!` in front turns a term round.
"""

from llmmon_tui.filtering.complete import Suggestion, complete
from llmmon_tui.filtering.flags import flags_of
from llmmon_tui.filtering.match import matches
from llmmon_tui.filtering.parse import Term, Value, parse_filter
from llmmon_tui.filtering.problems import Problem, problems
from llmmon_tui.filtering.sql import where_sql
from llmmon_tui.filtering.subject import (
    Subject,
    alert_subject,
    check_subject,
    group_subject,
    plain_subject,
    request_subject,
)
from llmmon_tui.filtering.vocabulary import Vocabulary, vocabulary_of

__all__ = [
    "Problem",
    "Subject",
    "Suggestion",
    "Term",
    "Value",
    "Vocabulary",
    "alert_subject",
    "check_subject",
    "complete",
    "flags_of",
    "group_subject",
    "matches",
    "parse_filter",
    "plain_subject",
    "problems",
    "request_subject",
    "vocabulary_of",
    "where_sql",
]
