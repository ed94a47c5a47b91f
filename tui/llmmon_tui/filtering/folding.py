"""Letters without case, as the store's `lower` folds them."""

from __future__ import annotations


def fold(text: str) -> str:
    """`text` in lower case, one letter for one: what SQL's `lower` gives too."""
    if text.isascii():
        return text.lower()
    return "".join(letter.lower()[0] for letter in text)
