import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pictures import model_of, picture_of
from support.snapshots import alert, busy_snapshot, check

from llmmon_tui.filtering import Vocabulary, complete, parse_filter, vocabulary_of
from llmmon_tui.filtering.vocabulary import MOST_VALUES
from llmmon_tui.rows import parse_row

VOCABULARY = Vocabulary(
    {
        "model": ("gpt-4o", "claude sonnet", "gpt-4o-mini", "my-gpt"),
        "status_code": ("200", "429"),
        "level": ("INFO", "ERROR"),
    },
    {"slow ones": "slow took>2s", "Errors": "error"},
)


def offers(text, kinds=("requests",), cursor=None):
    return complete(text, len(text) if cursor is None else cursor, VOCABULARY, kinds)


def inserts(text, kinds=("requests",), kind=None):
    return [way.insert for way in offers(text, kinds) if kind in {None, way.kind}]


def test_fields_come_first():
    assert inserts("lat")[0] == "latency_ms>"
    assert inserts("mod")[:2] == ["model:", "response_model:"]
    assert inserts("")[0] == "model:"
    assert inserts("lev", ("logs",)) == ["level:"]


def test_flags_of_the_rows_shown():
    assert inserts("er", kind="flag") == ["error", "errors"]
    assert inserts("unp", ("logs",), "flag") == []
    assert offers("unp")[0].hint == "cost unknown"
    assert inserts("error") == []


def test_operators_after_a_whole_name():
    assert inserts("model", kind="operator") == ["model:", "model!="]
    assert inserts("took", kind="operator")[:2] == ["took>", "took<"]


def test_values_the_most_frequent_first():
    assert inserts("model:") == ["gpt-4o", '"claude sonnet"', "gpt-4o-mini", "my-gpt"]
    assert inserts("model:g") == ["gpt-4o", "gpt-4o-mini", "my-gpt"]
    assert inserts("-model!=CLAUDE") == ['"claude sonnet"']
    assert inserts('model:"cl') == ['"claude sonnet"']
    assert inserts("status:4") == ["429"]
    assert inserts("status>=") == ["200", "429"]
    assert inserts("route:") == []


def test_alternatives():
    (first, *_) = offers("error model:gpt-4o,my")
    assert first.text == "error model:gpt-4o,my-gpt"
    assert offers('model:"a,b",my')[0].text == 'model:"a,b",my-gpt'


def test_a_value_leads_to_its_field():
    assert "model:gpt-4o" in inserts("gpt")
    assert inserts("gpt", ("logs",)) == []


def test_what_is_complete_is_not_offered_again():
    assert "gpt-4o" not in inserts("model:gpt-4o")
    assert inserts("model:gpt-4o") == ["gpt-4o-mini"]


def test_in_the_middle():
    (first, *_) = offers("mod error", cursor=3)
    assert (first.text, first.cursor) == ("model: error", 6)
    (first, *_) = offers("-lat", cursor=99)
    assert first.text == "-latency_ms>"


def test_views():
    (first, *others) = offers("@")
    assert (first.text, first.kind, first.hint) == ("slow took>2s", "view", "slow ones")
    assert [way.text for way in others] == ["error"]
    assert [way.hint for way in offers("@err")] == ["Errors"]


@given(st.text(alphabet='gptmodel:=!-<>",\\* @', max_size=20), st.integers(-1, 25))
def test_any_text_can_be_completed(text, cursor):
    for way in complete(text, cursor, VOCABULARY):
        assert way.cursor <= len(way.text)
        assert way.insert in way.text
        assert parse_filter(way.text) is not None


@pytest.fixture
def picture():
    alerts = (alert(labels={"model": "gpt-4o", "route": "/pay"}),)
    return picture_of(busy_snapshot(alerts=alerts, health=(check(name="disk"),)))


def test_the_vocabulary_of_what_is_shown(picture):
    told = vocabulary_of(picture, {"mine": "error"})
    assert told.values["model"][0] == "gpt-4o"
    assert "deepseek-chat" in told.values["model"]
    assert "/pay" in told.values["route"]
    assert told.values["name"] == ("disk",)
    assert "200" in told.values["status_code"]
    assert "id" not in told.values
    assert told.views == {"mine": "error"}


def test_the_vocabulary_is_bounded():
    rows = [
        parse_row({"id": str(number), "time_ns": number, "user_id": f"u{number}"})
        for number in range(300)
    ]
    model = model_of(None, rows=False)
    model.add_rows(rows)
    assert len(vocabulary_of(model.picture(0)).values["user_id"]) == MOST_VALUES
    assert vocabulary_of(picture_of(None, rows=False)).values == {}
