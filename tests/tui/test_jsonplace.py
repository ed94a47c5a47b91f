import json

from hypothesis import given
from hypothesis import strategies as st

from llmmon_tui.jsonplace import line_of

TEXT = """{
  "theme": "views",
  "views": [
    {"name": "a: [b]", "by": "x"},

    {
      "name": "c",
      "by": "y"
    },
    7
  ], "bell":
  true
}
"""


def test_lines():
    places = {
        ("theme",): 2,
        ("views",): 3,
        ("views", 0): 4,
        ("views", 0, "by"): 4,
        ("views", 1): 6,
        ("views", 1, "by"): 8,
        ("views", 2): 10,
        ("bell",): 11,
    }
    assert {path: line_of(TEXT, path) for path in places} == places


def test_the_nearest_around():
    assert line_of(TEXT, ("views", 1, "colour")) == 6
    assert line_of(TEXT, ("colour",)) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), VALUES), st.text(), st.integers(0, 9))
def test_a_member_on_a_line_of_its_own(document, name, indent):
    text = json.dumps({**{key: document[key] for key in document if key != name}, name: "last"})
    cut = text.rindex(json.dumps(name))
    assert line_of(text[:cut] + "\n" * indent + text[cut:], (name,)) == indent + 1
