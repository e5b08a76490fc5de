import io
import json
import sys

import pytest

from notifier.cli import console
from notifier.errors import UsageError


def test_a_table_in_a_pipe_is_neither_cut_nor_padded(capsys):
    """Without a terminal a table is as wide as its cells, and lines end where their text ends."""
    long = "x" * 500
    console.table(("a", "b"), [(long, "1"), ("y", "")], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    assert any(long in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_markup_in_data_stays_text(capsys):
    """A cell that looks like markup is shown as it is."""
    console.table(("a",), [("[red]x[/red] :smile:",)])
    assert "[red]x[/red] :smile:" in capsys.readouterr().out


def test_json_is_whole_on_a_stream_without_our_letters(monkeypatch):
    """JSON on a console of another encoding escapes its letters instead of losing them."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", errors="replace")
    monkeypatch.setattr(sys, "stdout", stream)
    console.print_json({"name": "Nguyễn Thị Ánh"})
    stream.flush()
    assert json.loads(stream.buffer.getvalue()) == {"name": "Nguyễn Thị Ánh"}


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_an_error_as_json_has_real_letters_where_they_fit(monkeypatch, encoding):
    """Vietnamese on standard error reads as it does on standard output, and is never lost."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(sys, "stderr", stream)
    console.print_error(UsageError("Không có tệp"), as_json=True)
    stream.flush()
    data = stream.buffer.getvalue()
    assert json.loads(data.decode(encoding))["message"] == "Không có tệp"
    assert (b"\\u" in data) is (encoding != "utf-8")


def test_facts_align_their_values_and_leave_out_the_empty(capsys):
    """Names are padded to the widest; a fact without a value is not shown."""
    console.facts([("a", 1), ("long", "x"), ("none", None), ("zero", 0)])
    assert capsys.readouterr().out == "  a     1\n  long  x\n  zero  0\n"
