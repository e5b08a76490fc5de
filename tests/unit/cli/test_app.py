import os
import subprocess
import sys

import pytest

from notifier import __version__
from notifier.cli import app, runs
from notifier.errors import LedgerError, UsageError

HEAVY = ("pandas", "sqlalchemy", "sqlmodel", "jinja2", "pydantic", "babel", "alembic", "asyncio")


def test_building_the_application_loads_nothing_heavy():
    """`notifier --help` answers at once: no room with a heavy library is imported for it."""
    code = (
        "import sys; from notifier.cli import run; run(['--help']);"
        f"found = [it for it in {HEAVY!r} if it in sys.modules];"
        "sys.exit(','.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_lists_the_commands_under_their_headings(notifier):
    """--help is an overview of a day's work and goes to standard output."""
    result = notifier("--help")
    assert result.code == 0
    for word in ("init", "demo", "send", "campaign", "recipients", "suppress", "sandbox"):
        assert f"  {word}" in result.out
    assert "Getting started" in result.out
    assert not result.err


def test_no_command_shows_help_and_is_bad_usage(notifier):
    """A bare `notifier` explains itself, and tells scripts that something is missing."""
    result = notifier()
    assert result.code == 2
    assert "Usage: notifier" in result.out


def test_version_is_told(notifier):
    """--version prints the program's name and version."""
    assert notifier("--version").out == f"notifier {__version__}\n"


@pytest.mark.parametrize(
    ("argv", "said", "next_step"),
    [
        (["snd"], "There is no command notifier snd.", "Did you mean notifier send?"),
        (["campaign", "chek", "x"], "notifier campaign chek", "notifier campaign check?"),
        (["send"], "CAMPAIGN is missing.", "notifier send --help"),
        (["send", "x", "--lve"], "There is no option --lve.", "Did you mean --live?"),
        (["send", "x", "--workspce"], "no option --workspce", "Did you mean --workspace?"),
        (["campaign", "test", "x"], "The option --to is missing.", "campaign test --help"),
        (["campaign", "test", "x", "--to"], "The option --to needs a value.", "test --help"),
        (["send", "a", "b"], "one argument too many: b", "notifier send --help"),
        (["send", "x", "--workspace"], "The option --workspace needs a value.", "folder after it"),
        (["campaign", "test", "x", "--to", "y", "--count", "0"], "value for --count", "1 to 50"),
        (["campaign", "test", "x", "--to", "y", "--count", "q"], "value for --count", "1 to 50"),
        (["recipients", "check", "x", "--header-row", "0"], "for --header-row", "of 1 or more"),
        (["runs", "--limit", "few"], "value for --limit", "of 1 or more"),
        (["sandbox", "--port", "70000"], "value for --port", "0 to 65535"),
        (["qqqqqq"], "There is no command notifier qqqqqq.", "notifier --help lists"),
    ],
)
def test_a_mistyped_command_line_is_told_in_plain_words(notifier, argv, said, next_step):
    """Usage errors are a sentence with the nearest word or the help to look at; exit code 2."""
    result = notifier(*argv)
    assert result.code == 2
    assert said in result.err
    assert next_step in result.err
    assert not result.out


def test_usage_errors_are_json_where_json_was_asked_for(notifier):
    """With --json an error is one object on standard error, whatever kind it is."""
    result = notifier("send", "--json")
    assert result.code == 2
    assert result.error == {
        "error": "usage",
        "message": "CAMPAIGN is missing.",
        "where": "notifier send",
        "next": "notifier send --help shows how to use it.",
    }


def test_global_options_stand_before_or_after_the_command():
    """--workspace and --debug are understood anywhere before a bare `--`."""
    assert app.hoist(["send", "x", "--workspace", "w", "--debug", "--live"]) == [
        "--workspace",
        "w",
        "--debug",
        "send",
        "x",
        "--live",
    ]
    assert app.hoist(["show", "--", "--debug"]) == ["show", "--", "--debug"]


def _fails_with(monkeypatch, error):
    def fail(_ctx):
        raise error

    monkeypatch.setattr(runs, "session_of", fail)


def test_an_error_names_its_place_and_the_next_step(notifier, monkeypatch):
    """A NotifierError is told in three lines, and decides the exit code."""
    error = LedgerError("The ledger is locked.", where="data/x", next_step="Close it.")
    _fails_with(monkeypatch, error)
    result = notifier("runs")
    assert result.code == 3
    assert result.err == "Error: The ledger is locked.\n  where: data/x\n  next: Close it.\n"


def test_a_bug_is_no_traceback_unless_debugging(notifier, monkeypatch):
    """The unforeseen is told in a sentence; --debug adds where in the program it happened."""
    _fails_with(monkeypatch, ZeroDivisionError("by zero"))
    result = notifier("runs")
    assert result.code == 2
    assert "ZeroDivisionError" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in notifier("runs", "--debug").err


def test_a_file_that_cannot_be_written_is_named(notifier, monkeypatch):
    """An OSError from anywhere names the file and the reason."""
    _fails_with(monkeypatch, PermissionError(13, "Permission denied", "out.xlsx"))
    result = notifier("runs")
    assert "Permission denied" in result.err
    assert "out.xlsx" in result.err


def test_an_interrupted_command_is_no_traceback(notifier, monkeypatch):
    """Ctrl-C in a command that sends nothing just ends it, with the customary code."""
    _fails_with(monkeypatch, KeyboardInterrupt())
    result = notifier("runs")
    assert (result.code, result.err) == (130, "Stopped.\n")


def test_control_characters_of_data_do_not_reach_the_terminal(notifier, monkeypatch):
    """A cell or reply with escape codes is shown with marks in their place."""
    _fails_with(monkeypatch, UsageError("bad \x1b[31mcell\x07\u202e"))
    result = notifier("runs")
    assert "\x1b" not in result.err
    assert "bad \ufffd[31mcell\ufffd\ufffd" in result.err


def _run_piped(command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "PY": sys.executable, **environ},
    )


def test_a_reader_that_goes_away_is_no_error():
    """`notifier --help | head -1` prints one line and nothing else."""
    done = _run_piped('"$PY" -m notifier --help | head -1', NOTIFIER_LOCALE="en")
    assert done.stdout == "Usage: notifier [OPTIONS] COMMAND [ARGS]...\n"
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_console_without_vietnamese_letters_still_works(encoding):
    """Vietnamese help on a console of another encoding shows `?`, and doesn't end the program."""
    done = _run_piped(
        '"$PY" -m notifier --help >/dev/null && "$PY" -m notifier snd',
        NOTIFIER_LOCALE="vi",
        PYTHONIOENCODING=encoding,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_pipe_gets_no_colours():
    """Output that is not a terminal has no escape codes, whatever TERM says."""
    done = _run_piped('"$PY" -m notifier send --help', TERM="xterm-256color")
    assert "\x1b" not in done.stdout
