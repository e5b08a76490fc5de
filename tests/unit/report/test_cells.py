from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.report.cells import FORMULA_STARTS, LONGEST_CELL, neutralised


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_a_text_that_begins_like_a_formula_is_neutralised(start):
    """See phpList, CVE-2021-3188: an exported cell must not run."""
    assert neutralised(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"


@pytest.mark.parametrize("value", [-5, 8.5, 0, None, True])
def test_numbers_stay_numbers(value):
    """A negative number is not a formula."""
    assert neutralised(value) is value


@given(st.text())
def test_no_text_comes_out_as_a_formula(text):
    """Whatever goes in; and a harmless text is not touched."""
    found = neutralised(text)
    assert not found.startswith(FORMULA_STARTS)
    assert found in {text, f"'{text}"}


def test_a_text_longer_than_a_cell_is_cut():
    """Excel would refuse the whole workbook."""
    assert len(neutralised("=" + "x" * 40_000)) == LONGEST_CELL
