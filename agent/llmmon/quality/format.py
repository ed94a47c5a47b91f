"""Does the response have the form that was asked for?"""

from llmmon.quality.asks import find_checks
from llmmon.quality.checks import Check, has_closed_fences, is_json
from llmmon.quality.texts import FORMAT_LIMIT_CHARS, Texts, clip

_FENCE = "```"


def format_score(texts: Texts) -> float | None:
    """Share from 0 to 1 of the checkable demands on form that the response meets.

    Demands are read from the query (lengths, letter case, bullets, sections, JSON, words to use or
    avoid, endings, language ...) and from `expected_format`; code fences must be closed. Only
    English wordings that the finders know are found, and a demand inside a quoted example is taken
    for one; sentences and languages are told apart by simple signs. None without a response, when
    none of these is asked, and for a response longer than FORMAT_LIMIT_CHARS, of which no part
    would prove the whole.
    """
    response = texts.response
    if not response or not response.strip() or len(response) > FORMAT_LIMIT_CHARS:
        return None
    checks = find_checks(clip(texts.query))
    if (texts.expected_format or "").lower() == "json":
        checks.append(Check("json_format", is_json))
    if _FENCE in response:
        checks.append(Check("closed_fences", has_closed_fences))
    if not checks:
        return None
    return sum(check.holds(response) for check in checks) / len(checks)
