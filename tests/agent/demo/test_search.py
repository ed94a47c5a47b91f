from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmmon.demo.search import Library

LIBRARY = Library(["the cat sat on the mat", "a dog and the cat", "stocks fell on Monday"])


def test_rarer_words_count_for_more() -> None:
    assert LIBRARY.search("the dog") == ["a dog and the cat", "the cat sat on the mat"]


def test_the_limit_holds_and_nothing_in_common_finds_nothing() -> None:
    assert LIBRARY.search("the cat", limit=1) == ["the cat sat on the mat"]
    assert LIBRARY.search("zebra") == []
    assert LIBRARY.search("") == []


@given(st.lists(st.text(max_size=30), max_size=8), st.text(max_size=30))
def test_only_documents_of_the_library_are_found(documents: list[str], query: str) -> None:
    found = Library(documents).search(query)
    assert set(found) <= set(documents)
    assert len(found) == len(set(found)) <= 3
