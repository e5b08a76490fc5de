from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from notifier.recipients.first_seen import FirstSeen


@given(st.lists(st.text(max_size=8), max_size=300), st.sampled_from([0, 5, 1000]))
def test_it_tells_what_a_dict_would_tell(texts, few):
    """The first line of each text, 0 the first time; before and after it grew."""
    seen, known = FirstSeen(few), {}
    for line, text in enumerate(texts, 1):
        assert seen.put(text, line) == known.get(text, 0)
        known.setdefault(text, line)


def test_it_grows_without_forgetting():
    """A hundred thousand texts, each still known."""
    seen = FirstSeen(1000)
    assert not any(seen.put(f"hs{number}@x.example", number + 1) for number in range(100_000))
    assert all(seen.put(f"hs{number}@x.example", 0) == number + 1 for number in range(100_000))
