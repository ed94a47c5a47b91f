"""Punctuation, layout and marks that a query asks for."""

import re
from collections.abc import Iterator

from llmmon.quality import checks
from llmmon.quality.ask_lengths import find_divided_parts
from llmmon.quality.bounds import NUMBER, number
from llmmon.quality.checks import Check

_NO_COMMA = re.compile(
    r"(?:no|not|n't|without|refrain from|avoid|free of)[^.]{0,40}\bcommas?\b"
    r"|commas? (?:is|are) not|\bcommas? (?:should|must) not"
)


def find_punctuation(_query: str, lower: str) -> Iterator[Check]:
    """No commas, or the whole answer in quotation marks."""
    if "comma" in lower and _NO_COMMA.search(lower):
        yield Check("no_comma", lambda text: "," not in text)
    if "quot" in lower and re.search(
        r"(?:wrap|put|inside|surround|enclose)[^.]{0,60}double (?:quotes|quotation)"
        r"|double quotation marks around|(?:in|with) double quotation marks$",
        lower,
    ):
        yield Check("quotation", checks.is_quoted)


def find_layout(query: str, lower: str) -> Iterator[Check]:
    """JSON, titles, two answers, divided parts and postscripts."""
    if "json" in lower and re.search(r"json[^.]{0,12} (?:format|block|code|object)|in json", lower):
        yield Check("json_format", checks.is_json)
    if "angular brackets" in lower or "<<" in query:
        yield Check("title", checks.has_title)
    if "******" in lower or "6 asterisk" in lower or "six asterisk" in lower:
        yield Check("two_responses", checks.has_two_answers)
    elif "***" in lower or "3 asterisks" in lower:
        yield from find_divided_parts(lower)
    if "p.p.s" in lower:
        yield Check("postscript", lambda text: checks.has_postscript(text, "p.p.s"))
    elif "p.s." in lower or "postscript" in lower:
        yield Check("postscript", lambda text: checks.has_postscript(text, "p.s"))


_BULLETS = re.compile(NUMBER + r" (?:\w+ ){0,2}?bullet")
_HIGHLIGHTS = re.compile(
    r"(?:highlight|itali)[^.*]{0,30}?" + NUMBER + r"|" + NUMBER + r" (?:\w+ )?(?:\w+ )?(?:\w+ )?"
    r"(?:be )?(?:highlight|itali)"
)
_PLACEHOLDERS = re.compile(NUMBER + r" placeholder")
_SECTIONS = re.compile(
    NUMBER + r" sections?\b.{0,120}?(?:with|start with|starting with|\() ?[\"']?(section|day|part)",
    re.DOTALL,
)


def find_marks(query: str, lower: str) -> Iterator[Check]:
    """Numbers of bullets, highlights, placeholders and sections."""
    if "bullet" in lower and (found := _BULLETS.search(lower)):
        bullets = number(found[1])
        yield Check("number_bullet_lists", lambda text: checks.bullet_count(text) == bullets)
    if "*" in query and ("highlight" in lower or "itali" in lower):
        found = _HIGHLIGHTS.search(lower)
        least = number(found[1] or found[2]) if found else 1
        yield Check(
            "number_highlighted_sections", lambda text: checks.highlight_count(text) >= least
        )
    if "placeholder" in lower:
        found = _PLACEHOLDERS.search(lower)
        slots = number(found[1]) if found else 1
        yield Check("number_placeholders", lambda text: checks.placeholder_count(text) >= slots)
    if "section" in lower and (found := _SECTIONS.search(lower)):
        sections = number(found[1])
        marker = query[found.start(2) : found.end(2)]
        yield Check(
            "multiple_sections", lambda text: checks.section_count(text, marker) >= sections
        )
