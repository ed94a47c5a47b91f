from rich.cells import cell_len

from llmmon_tui.severity import Severity, to_ascii
from llmmon_tui.widgets.ink import INKS


def test_glyphs_words_and_inks():
    for severity in Severity:
        assert cell_len(severity.glyph) == 1
        assert 0 < len(severity.word) <= 8
        assert severity.ink in INKS
    assert len({severity.glyph for severity in Severity}) == len(Severity)


def test_every_glyph_has_an_ascii_stand_in_of_its_own():
    plain = [to_ascii(severity.glyph) for severity in Severity]
    assert all(glyph.isascii() for glyph in plain)
    assert len(set(plain)) == len(plain)


def test_to_ascii_keeps_widths():
    text = "✖ p95 ↑12% ▁▂▃▄▅▆▇█ … — ╌┤│▸●"
    assert to_ascii(text).isascii()
    assert len(to_ascii(text)) == cell_len(text)


def test_only_breaches_catch_the_eye():
    assert [one for one in Severity if one.breaching] == [Severity.CRITICAL, Severity.WARNING]
