from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from llmmon.cli.files import read_lines
from llmmon.demo.trace import MAX_LINE
from llmmon.errors import ConfigError


def test_plain_and_packed_files_give_the_same_lines(tmp_path: Path) -> None:
    text = "é,b\n1,2\nlast"
    plain, packed = tmp_path / "a.csv", tmp_path / "a.dat"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    assert list(read_lines(plain)) == ["é,b\n", "1,2\n", "last"]
    assert list(read_lines(packed)) == list(read_lines(plain))


def test_of_an_overlong_line_only_the_beginning_is_held(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"x" * (9 * MAX_LINE) + b"\nnext\n")
    first, second = read_lines(file)
    assert MAX_LINE < len(first) <= 4 * (MAX_LINE + 2)
    assert second == "next\n"


def test_bytes_that_are_no_text_do_not_stop_the_reading(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"a\n\xff\xfe\nb\n")
    assert len(list(read_lines(file))) == 3


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.csv: cannot be read"):
        list(read_lines(tmp_path / "none.csv"))
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(gzip.compress(b"a\nb\n")[:-4])
    with pytest.raises(ConfigError, match=r"damaged\.gz: cannot be read"):
        list(read_lines(damaged))
