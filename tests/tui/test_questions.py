"""What is asked when, and whose answers count."""

from dataclasses import replace

import pytest

from llmmon_tui.questions import NOTHING, Answer, Desk, Question

S = 1_000_000_000
LOGS = Question("logs", "query", {"sql": "1"}, str, ("filter",), refresh_s=5.0)
HELD = 700 * S


@pytest.fixture
def desk():
    return Desk()


def told(desk, question, now_ns, value="x", error="", held_ns=None):
    """Ask, and have it answered at once."""
    assert desk.due([question], held_ns, now_ns) == [question]
    assert desk.take(question, held_ns, value, error, now_ns)


def test_a_question_is_asked_once_until_it_is_answered(desk):
    assert desk.due([LOGS], None, 0) == [LOGS]
    assert desk.due([LOGS], None, 60 * S) == []
    assert desk.answers == {"logs": NOTHING}


def test_an_answer_is_asked_for_again_when_it_is_no_longer_worth_showing(desk):
    told(desk, LOGS, S)
    assert desk.answers["logs"] == Answer("x", "", S)
    assert desk.due([LOGS], None, 6 * S - 1) == []
    later = replace(LOGS, params={"sql": "2"})
    assert desk.due([later], None, 6 * S) == [later]
    assert desk.answers["logs"].value == "x"


def test_two_names_are_two_questions(desk):
    other = replace(LOGS, name="levels")
    assert desk.due([LOGS, other], None, 0) == [LOGS, other]
    assert desk.take(other, None, 7, "", 0)
    assert desk.answers == {"logs": NOTHING, "levels": Answer(7, "", 0)}


def test_about_something_else_the_old_answer_is_dropped_at_once(desk):
    told(desk, LOGS, 0)
    narrowed = replace(LOGS, about=("other",))
    assert desk.due([narrowed], None, S) == [narrowed]
    assert desk.answers["logs"] == NOTHING


def test_an_answer_to_what_is_no_longer_asked_does_not_count(desk):
    narrowed = replace(LOGS, about=("other",))
    desk.due([LOGS], None, 0)
    desk.due([narrowed], None, 0)
    assert not desk.take(LOGS, None, "old", "", S)
    assert desk.take(narrowed, None, "new", "", S)
    assert desk.answers["logs"].value == "new"


def test_an_answer_nobody_asked_for_does_not_count(desk):
    assert not desk.take(LOGS, None, "x", "", 0)
    assert desk.answers == {}


def test_a_held_instant_makes_another_question(desk):
    told(desk, LOGS, 0)
    assert desk.due([LOGS], HELD, S) == [LOGS]
    assert desk.answers["logs"] == NOTHING
    assert not desk.take(LOGS, None, "live", "", S)
    assert desk.take(LOGS, HELD, "past", "", S)
    assert desk.due([LOGS], HELD + 1, S) == [LOGS]


def test_the_past_is_never_asked_again(desk):
    told(desk, LOGS, 0, held_ns=HELD)
    assert desk.due([LOGS], HELD, 10**6 * S) == []


def test_back_in_the_present_everything_is_asked_anew(desk):
    told(desk, LOGS, 0, held_ns=HELD)
    assert desk.due([LOGS], None, S) == [LOGS]


@pytest.mark.parametrize("held_ns", [None, HELD])
def test_an_error_is_tried_again_after_five_seconds(desk, held_ns):
    told(desk, replace(LOGS, refresh_s=60.0), 0, error="no answer", held_ns=held_ns)
    assert desk.answers["logs"] == Answer(None, "no answer", None)
    assert desk.due([LOGS], held_ns, 5 * S - 1) == []
    told(desk, LOGS, 5 * S, "there", held_ns=held_ns)
    assert desk.answers["logs"] == Answer("there", "", 5 * S)


def test_an_older_value_stays_beside_an_error(desk):
    told(desk, LOGS, 0)
    told(desk, LOGS, 5 * S, error="gone")
    assert desk.answers["logs"] == Answer("x", "gone", 0)


@pytest.mark.parametrize("held_ns", [None, HELD])
def test_refresh_asks_everything_again(desk, held_ns):
    told(desk, LOGS, 0, held_ns=held_ns)
    desk.refresh()
    assert desk.due([LOGS], held_ns, 1) == [LOGS]


def test_refresh_does_not_wait_for_what_is_under_way(desk):
    desk.due([LOGS], None, 0)
    desk.refresh()
    assert desk.due([LOGS], None, 1) == [LOGS]


def test_a_refresh_of_the_past_that_fails_is_tried_again(desk):
    told(desk, LOGS, 0, held_ns=HELD)
    desk.refresh()
    told(desk, LOGS, S, error="no answer", held_ns=HELD)
    assert desk.due([LOGS], HELD, 6 * S) == [LOGS]
