import io
import sys

import pytest

from notifier.cli.progress import Lines, describe, display
from notifier.delivery.progress import Progress
from notifier.locale import use
from notifier.model import State


@pytest.fixture(autouse=True)
def _english():
    use("en")


def _progress(**changes):
    values = {
        "counts": {State.ACCEPTED: 3, State.PENDING: 7},
        "rate": 12.34,
        "seconds_left": 65.0,
        "connections": 2,
    }
    return Progress(**{**values, **changes})


def test_a_pipe_gets_a_line_every_few_seconds(capsys):
    """Lines are thinned out by the clock, so that a log stays short."""
    now = [100.0]
    lines = Lines(lambda: now[0], interval=5.0)
    for _ in range(3):
        lines.show(_progress())
    now[0] += 5.0
    lines.show(_progress())
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == ["3/10  7 waiting, 3 accepted  12.3/s, 1 min 5 s left"] * 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds_left": None}, "12.3/s"),
        ({"waiting_until": 160.0}, "waiting 1 min 0 s for the next try"),
    ],
)
def test_progress_says_what_it_waits_for(changes, said):
    """Nothing moves without a reason being shown."""
    assert describe(_progress(**changes), now=100.0) == said


def test_when_all_is_done_no_speed_is_shown():
    """0/s behind the last message would look as if it had stopped."""
    done = _progress(counts={State.ACCEPTED: 10}, rate=0.0, seconds_left=None)
    assert not describe(done, now=100.0)
    assert describe(_progress(rate=0.0, seconds_left=None), now=100.0) == "0/s"


def test_programs_see_no_progress(capsys):
    """With --json nothing but the result is written."""
    with display(quiet=True) as shown:
        shown.show(_progress())
    assert capsys.readouterr() == ("", "")


class _Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_narrow_terminal_still_shows_how_far_it_is(monkeypatch):
    """On 80 columns the counts by state are cut, not the count of all nor what it waits for."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    counts = {State.ACCEPTED: 115, State.REFUSED: 1, State.CLAIMED: 284}
    with display() as shown:
        shown.show(_progress(counts=counts, limited_by="held back by the limit 30/second"))
    drawn = terminal.getvalue()
    assert " 116/400 held back by the limit 30/second " in drawn
    assert "284 being prepare…" in drawn
