"""Token counts of providers that leave the cached ones out."""

from typing import Any

import pytest

from llmmon.usage import merge, whole_input


@pytest.mark.parametrize(
    ("input_tokens", "cached", "written", "whole"),
    [
        (3, 100, 20, 123),
        (3, None, 20, 23),
        (3, None, None, 3),
        (None, 100, 20, None),
        (3, -5, "x", 3),
        ("x", 1, 1, "x"),
    ],
)
def test_whole_input(input_tokens: Any, cached: Any, written: Any, whole: Any) -> None:
    assert whole_input(input_tokens, cached, written) == whole


def test_what_is_not_said_again_stays() -> None:
    assert merge((1, None, 3, None), (None, 5, 4, None)) == (1, 5, 4, None)
