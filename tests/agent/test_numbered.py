"""The table of numbered batches against a plain dictionary."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmmon.delivery.numbered import Entry, Numbered, Place

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 3), st.integers(0, 2), st.integers(0, 4)),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("locate"), st.integers(0, 40), st.integers(1, 4)),
        st.tuples(st.just("remove_segment"), st.integers(1, 4)),
    ),
    max_size=60,
)


class Model:
    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self.next_seq = 1

    def append(self, table: Numbered, step: int, rank: int, segment: int) -> None:
        seq = self.next_seq + step - 1
        self.next_seq = seq + 1
        # a segment is of one rank
        place = Place(segment * 3 + rank, seq, 9) if segment else None
        self.entries[seq] = Entry(seq, seq * 10, step, rank, place)
        table.append(self.entries[seq])

    def remove(self, table: Numbered, seq: int) -> None:
        assert table.remove(seq) == self.entries.pop(seq, None)

    def locate(self, table: Numbered, seq: int, segment: int) -> None:
        entry = self.entries.get(seq)
        if entry is not None and entry.place is None:
            place = Place(segment * 3 + entry.rank, seq, 9)
            self.entries[seq] = entry._replace(place=place)
            table.locate(seq, place)

    def remove_segment(self, table: Numbered, segment: int) -> None:
        gone = [e for e in self.entries.values() if e.place and e.place.segment == segment * 3]
        assert table.remove_segment(segment * 3) == gone
        for entry in gone:
            del self.entries[entry.seq]

    def segment_to_drop(self, sent: int, rank: int) -> int | None:
        spooled = [e for e in self.entries.values() if e.place is not None]
        touched = {e.place.segment for e in spooled if e.place and e.seq <= sent}
        found = [
            (e.rank, e.place.segment)
            for e in spooled
            if e.place and e.rank <= rank and e.place.segment not in touched
        ]
        return min(found)[1] if found else None


@given(ACTIONS)
def test_it_holds_what_a_dictionary_holds(actions: list[tuple[Any, ...]]) -> None:
    table, model = Numbered(), Model()
    for name, *arguments in actions:
        getattr(model, name)(table, *arguments)
        entries = list(model.entries.values())
        assert len(table) == len(entries)
        assert table.oldest == (entries[0] if entries else None)
        assert table.events == sum(e.events for e in entries)
        assert table.spooled == sum(e.events for e in entries if e.place is not None)
        for seq in (0, 5, 20):
            assert table.holds(seq) is (seq in model.entries)
            assert table.up_to(seq) == sum(e.seq <= seq for e in entries)
            assert table.at_or_after(seq) == next((e for e in entries if e.seq >= seq), None)
            for rank in range(3):
                assert table.segment_to_drop(seq, rank) == model.segment_to_drop(seq, rank)


def test_a_long_life_does_not_grow_it() -> None:
    table = Numbered()
    for seq in range(1, 20_000):
        table.append(Entry(seq, seq, 1, 2, Place(1, seq, 1)))
        if seq > 10:
            table.remove(seq - 10)
    assert len(table) == 10
    assert len(table._seqs) < 4096
