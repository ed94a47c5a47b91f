"""Format: the share of checkable demands on form that a response meets."""

import pytest

from llmmon.quality import SCORERS, Texts
from llmmon.quality.texts import FORMAT_LIMIT_CHARS


def format_score(query: str | None, response: str, expected: str | None = None) -> float | None:
    texts = Texts(query=query, response=response, expected_format=expected)
    return SCORERS["simple"]["format"](texts)


FIVE_WORDS = "Birds fly south every autumn."


@pytest.mark.parametrize(
    ("demand", "meets", "fails"),
    [
        ("Answer in at least 5 words.", FIVE_WORDS, "Birds fly."),
        ("Use fewer than five words.", "Birds fly.", FIVE_WORDS),
        ("Keep it to 5 words or less.", FIVE_WORDS, f"{FIVE_WORDS} Truly."),
        ("Answer in exactly 2 sentences.", "Yes. It is, says Dr. Low.", "Yes."),
        ("Write 2 to 3 sentences.", "One. Two. Three.", "One. Two. Three. Four."),
        ("Answer in all lowercase letters.", "birds fly.", "Birds fly."),
        ("Answer in all capital letters.", "BIRDS FLY.", "Birds FLY."),
        ("Use at least 2 words in all capital letters.", "BIRDS do FLY.", "BIRDS do fly."),
        ("Do not use any commas.", "Birds fly.", "Birds, too, fly."),
        ("Wrap your entire response with double quotation marks.", '"Yes."', "Yes."),
        ("Reply in JSON format.", '```json\n{"a": 1}\n```', '{"a": 1'),
        ("Give a title in double angular brackets.", "<<Birds>>\nThey fly.", "Birds\nThey fly."),
        ("Give exactly 2 bullet points.", "* one\n* two", "* one\n* two\n* three"),
        ("Highlight at least 1 section, as *here*.", "They *fly* far.", "They fly far."),
        ("Include at least 2 placeholders, such as [name].", "[name], [city]", "[name]"),
        ("Write 2 sections, each starting with Section X.", "Section 1\na\nSection 2\nb", "a\nb"),
        ("Write 2 paragraphs separated by ***.", "One.\n***\nTwo.", "One.\n\nTwo."),
        ("Give two different answers separated by ******.", "Yes\n******\nNo", "Yes\n******\nYes"),
        ("End with a postscript starting with P.S.", "Yes.\n\nP.S. No.", "Yes."),
        ('Include the keywords "crane" and "stork".', "A crane saw a Stork.", "A crane flew."),
        ('Do not use the words "crane" or "stork".', "Cranes fly.", "A crane flies."),
        ("The word crane should appear at least twice.", "Crane? Crane!", "A crane."),
        ("The letter q should appear less than 2 times.", "Quite.", "Quite quick."),
        ('Finish your response with "Fly on." and no more.', "Birds fly. Fly on.", "Fly on. Yes"),
        ("Answer only in the Korean language.", "새는 남쪽으로 날아갑니다.", "Birds fly south."),
        ("Answer in German, no other language.", "Die Vögel sind in dem Haus.", "Birds fly away."),
        (
            'Write 2 paragraphs. Paragraph 2 must start with the word "far".',
            "Birds fly.\n\nFar they go.",
            "Birds fly.\n\nThey go far.",
        ),
    ],
)
def test_a_demand_is_found_and_checked(demand: str, meets: str, fails: str) -> None:
    query = f"Tell me of birds. {demand}"
    assert format_score(query, meets) == 1.0
    assert format_score(query, fails) == 0.0


def test_the_request_can_be_asked_to_be_repeated() -> None:
    request = "Write a line about the birds of passage."
    query = f"{request}\nFirst repeat the request above word for word, then give your answer."
    assert format_score(query, f"{request}\nThey fly.") == 1.0
    assert format_score(query, "They fly.") == 0.0


def test_several_demands_share_the_score() -> None:
    query = "Tell me of birds. Do not use any commas. Answer in all lowercase letters."
    assert format_score(query, "Birds fly.") == 0.5


@pytest.mark.parametrize(
    "query",
    [
        None,
        "",
        "What is the capital of France?",
        "Write a 200 word essay about a word that people say.",
        "Which comma rules are hard to learn?",
    ],
)
def test_nothing_checkable_asked_gives_no_score(query: str | None) -> None:
    assert format_score(query, "Paris, of course.") is None


def test_expected_json_is_checked_without_a_query() -> None:
    assert format_score(None, '[1, {"a": null}]', "json") == 1.0
    assert format_score(None, "Here is your JSON: [1]", "JSON") == 0.0
    assert format_score(None, "[" * 50_000, "json") == 0.0
    assert format_score(None, "[1]", "prose") is None


def test_a_code_fence_must_be_closed() -> None:
    assert format_score("Show code.", "```\nx = 1\n```") == 1.0
    assert format_score("Show code.", "```\nx = 1") == 0.0


def test_a_response_too_long_to_read_whole_is_not_judged() -> None:
    assert format_score("Do not use any commas.", "a" * (FORMAT_LIMIT_CHARS + 1)) is None
