"""What somebody at a terminal sees: colours, a question before sending, a bar."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

pty = pytest.importorskip("pty")  # not on Windows


def _at_terminal(argv, cwd, *, answer=b"", columns=100, **environ):
    """Run at a pseudo-terminal, answer what is asked; (output, exit code)."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **environ}
    command = [sys.executable, "-m", "notifier", *argv]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env
    )
    os.close(theirs)
    out = b""
    while select.select([ours], [], [], 60)[0]:
        try:
            data = os.read(ours, 65536)
        except OSError:  # Linux says so when the child is gone
            break
        if not data:
            break
        out += data
        if answer and b"[y/N]" in out:
            os.write(ours, answer)
            answer = b""
    os.close(ours)
    return out.decode(), process.wait(timeout=60)


def test_help_has_colours_unless_they_are_unwanted(office, tmp_path):
    """A terminal gets colours; NO_COLOR takes them away."""
    out, code = _at_terminal(["--help"], tmp_path)
    assert code == 0
    assert "\x1b[1;36m" in out
    plain, _code = _at_terminal(["--help"], tmp_path, NO_COLOR="1")
    assert "\x1b[1;36m" not in plain
    assert "36m" not in plain


def test_nothing_is_sent_before_somebody_says_yes(office, tmp_path):
    """At a terminal `--live` asks; anything but yes sends nothing and writes nothing."""
    out, code = _at_terminal(["send", "notice", "--live"], tmp_path, answer=b"\n")
    assert "Send 3 messages through local now?" in out
    assert code == 130
    assert list(office.messages()) == []
    assert not (tmp_path / "data" / "ledger.sqlite").exists()


@pytest.mark.parametrize("answer", ["y", "có"])
def test_yes_in_either_language_sends(office, tmp_path, answer):
    """The answer may be English or Vietnamese."""
    out, code = _at_terminal(["send", "notice", "--live"], tmp_path, answer=f"{answer}\n".encode())
    assert code == 0, out
    assert len(list(office.messages())) == 3


def test_yes_can_be_said_beforehand(office, tmp_path):
    """With --yes nothing is asked."""
    out, code = _at_terminal(["send", "notice", "--live", "--yes"], tmp_path)
    assert code == 0
    assert "[y/N]" not in out


def test_a_narrow_terminal_cuts_nothing(office, tmp_path, notifier):
    """Cells wrap instead of ending in an ellipsis."""
    assert notifier("send", "notice", "--live").code == 0
    out, code = _at_terminal(["report", "latest"], tmp_path, columns=60, NO_COLOR="1")
    assert code == 0
    assert "…" not in out


def test_figures_that_are_too_wide_become_paragraphs(office, tmp_path, notifier):
    """A dozen columns on 80 would be a letter wide each; zeros are left out."""
    assert notifier("send", "notice", "--live").code == 0
    out, code = _at_terminal(["report", "--by", "run"], tmp_path, columns=80, NO_COLOR="1")
    assert code == 0
    assert "  campaign: notice; occurrence:" in out
    assert "accepted: 3; accepted, share: 100%" in out
    wide, _code = _at_terminal(["report", "--by", "run"], tmp_path, columns=250, NO_COLOR="1")
    assert "campaign: notice" not in wide


def test_a_run_is_given_up_only_by_whoever_says_yes(notifier, office, tmp_path):
    """`cancel` asks at a terminal, also where JSON is wanted."""
    office.stop()
    office._thread.join()
    assert notifier("send", "notice", "--live").code == 3
    for answer, code, state in ((b"n\n", 130, "paused"), (b"y\n", 0, "cancelled")):
        out, ended = _at_terminal(["cancel", "latest", "--json"], tmp_path, answer=answer)
        assert "Cancel run 1? What was not sent yet is never sent. [y/N]" in out
        assert ended == code
        assert notifier("status", "latest", "--json").data["state"] == state


def _needs_approval(tmp_path):
    path = tmp_path / "campaigns" / "notice.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\napproval: required\n", encoding="utf-8")


def test_asking_for_approval_is_asked_as_what_it_is(office, tmp_path):
    """Nobody takes it for sending."""
    _needs_approval(tmp_path)
    out, code = _at_terminal(
        ["send", "notice", "--live"], tmp_path, answer=b"y\n", NOTIFIER_ACTOR="lan@office"
    )
    assert code == 0, out
    assert "Ask for 3 messages through local to be approved?" in out
    assert list(office.messages()) == []


@pytest.mark.parametrize("answer", ["", "y"])
def test_who_approves_is_asked_after_having_seen_it(office, tmp_path, notifier, answer):
    """Anything but yes leaves it waiting."""
    _needs_approval(tmp_path)
    notifier("send", "notice", "--live")
    out, code = _at_terminal(
        ["approve", "1", "--send"], tmp_path, answer=f"{answer}\n".encode(), NOTIFIER_ACTOR="other"
    )
    assert out.index("A message:") < out.index("Let run 1 go: 3 messages through local?")
    assert code == (0 if answer else 130)
    assert len(list(office.messages())) == (3 if answer else 0)


def test_far_more_recipients_than_usual_are_asked_about_first(office, tmp_path, notifier, sheet):
    """Once more than the usual question; --yes does not answer it."""
    sheet(*((f"K{n}", f"k{n}@parents.example") for n in range(10)))
    notifier("send", "notice", "--live")
    sheet(*((f"K{n}", f"k{n}@parents.example") for n in range(50)))
    argv = ["send", "notice", "--live", "--again", "--yes"]
    out, code = _at_terminal(argv, tmp_path, answer=b"\n")
    assert "5 times the usual 10" in out
    assert code == 130
    out, code = _at_terminal(argv, tmp_path, answer=b"y\n")
    assert code == 0, out
    assert len(list(office.messages())) == 60
