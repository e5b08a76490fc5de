from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.model import State
from notifier.report.bars import bar
from notifier.report.fills import FILLS, KIND_OF, KINDS, PATTERNS, by_kind, legend

COUNTS = st.dictionaries(st.sampled_from(list(KINDS)), st.integers(0, 10**7), max_size=7)


def test_every_state_has_a_picture_of_its_own_word():
    """No state is left out, and each kind has a fill."""
    assert set(KIND_OF) == set(State)
    assert set(KIND_OF.values()) == set(KINDS) == set(FILLS)


def test_kinds_differ_by_pattern_and_not_by_colour_alone():
    """One is plain, one an empty frame; each other has a pattern that is on the page."""
    plain = [kind for kind, fill in FILLS.items() if "url(" not in fill]
    assert sorted(plain) == ["accepted", "waiting"]
    for kind in set(KINDS) - set(plain):
        assert f'id="p-{kind}"' in PATTERNS
    ET.fromstring(PATTERNS)


def test_a_bar_tells_itself():
    """Whose it is and what it says, for those who can't see it; its text is escaped."""
    svg = ET.fromstring(bar({"accepted": 37, "refused": 2}, 39, about="<10A1>"))
    assert svg.get("role") == "img"
    assert svg[0].text == "<10A1>: 37 accepted, 2 refused"


@given(COUNTS, st.integers(1, 10**7))
def test_a_bar_stays_in_its_cell(counts, whole):
    """Whatever is counted; what is there at all is seen, as long as there is room."""
    drawn = bar(counts, max(whole, sum(counts.values())))
    spans = [
        (float(x), float(width))
        for x, width in re.findall(r'<rect x="([\d.-]+)%" y="1" width="([\d.-]+)%"', drawn)
    ]
    assert len(spans) == sum(1 for count in counts.values() if count)
    for x, width in spans:
        assert x >= 0
        assert width > 0.5
        assert x + width <= 100.1


@pytest.mark.parametrize("counts", [{}, {State.PENDING: 0}])
def test_nothing_is_no_kind(counts):
    """Zeros are left out."""
    assert by_kind(counts) == {}


def test_a_legend_has_only_what_there_is():
    """In the order of the bars, with counts where they are given."""
    told = legend(["refused", "accepted"], {"accepted": 1200})
    assert re.findall(r"</svg>([^<]+)</li>", told) == ["accepted 1,200", "refused"]
