"""What `make fuzz` does for a minute is done here for a moment, so that its targets stay true."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

FUZZ = Path(__file__).parents[1] / "fuzz"


def _load(name):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


dialogue = _load("dialogue")  # `targets` imports it
TARGETS = _load("targets").TARGETS
CORPUS = sorted((FUZZ / "corpus").glob("*/*"))
#: Opens the session, and the settings it goes with.
_OPENINGS = [(0, b"\x00\xfe\x02\xfe"), (2, b"\x00\xfe\x01\xfe"), (8, b"\x00\xfe\x03\xfe")]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_the_fuzzer_begins_with_breaks_no_promise(path):
    """The corpus is small, and each of its files is of a target that there is."""
    assert path.stat().st_size < 1000
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"session"}))
@given(data=st.data())
@settings(max_examples=25)
def test_whatever_bytes_there_are_no_promise_is_broken(name, data):
    """Each parser takes them, or says in its own words why not."""
    TARGETS[name](data.draw(st.binary(max_size=120)))


@given(
    st.sampled_from(_OPENINGS), st.lists(st.integers(5, 31) | st.just(dialogue.CUT), max_size=40)
)
@settings(max_examples=150)
def test_each_message_s_outcome_is_the_reply_to_it(opening, said):
    """One by one, pipelined and whole: judged by who has counted commands and replies himself."""
    number, beginning = opening
    dialogue.run(bytes([number]) + beginning + bytes(said))


def test_the_judge_sees_what_is_accepted():
    """Two whole messages taken, one refused; an independent count comes to the same."""
    found = dialogue.Dialogue(8)
    for said in dialogue.pieces(b"\x00\xfe\x03\xfe\x06\x0b\x08\x1b\x1d\x0b\x06"):
        found.hear(said)
    found.end()
    codes = [it.reply.code for it in found.decided if it.reply is not None]
    assert codes == [250, 550, 250]
