from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import SheetError
from notifier.recipients import first_seen
from notifier.recipients.first_seen import FirstSeen


@given(
    st.lists(st.text(max_size=8), max_size=300),
    st.sampled_from([0, 5, 1000]),
    st.sampled_from([0, 20, 1000]),
)
def test_it_tells_what_a_dict_would_tell(texts, few, many):
    """The first line of each text, 0 the first time; before and after it moved to another table."""
    seen, known = FirstSeen(few, many), {}
    for line, text in enumerate(texts, 1):
        assert seen.put(text, line) == known.get(text, 0)
        known.setdefault(text, line)


@pytest.mark.parametrize("many", [200_000, 20_000])
def test_it_grows_without_forgetting(many):
    """Fifty thousand texts, in arrays or in a file, each still known."""
    seen = FirstSeen(1000, many)
    assert not any(seen.put(f"hs{number}@x.example", number + 1) for number in range(50_000))
    assert all(seen.put(f"hs{number}@x.example", 0) == number + 1 for number in range(50_000))


def test_no_room_on_the_disk_is_told():
    """SheetError with what to do, whether at the beginning or later."""
    seen = FirstSeen(0, 0)
    seen.put("a", 1)
    seen.put("b", 2)
    seen._rest._db.close()
    with pytest.raises(SheetError) as caught:
        seen.put("c", 3)
    assert "TMPDIR" in caught.value.next_step


def test_no_file_at_all_is_told(monkeypatch):
    """The same where none can be made."""

    def refuse(*_args, **_kwargs):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(first_seen.sqlite3, "connect", refuse)
    seen = FirstSeen(0, 0)
    seen.put("a", 1)
    with pytest.raises(SheetError, match="unable to open"):
        seen.put("b", 2)
