from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from notifier.errors import SettingsError, UsageError
from notifier.model import Rate
from notifier.settings import (
    RelaySettings,
    RetrySettings,
    SandboxSettings,
    Settings,
    find_root,
    load_workspace,
)

CANARY = "canary-7f3a"
DESIGN = """\
[workspace]
locale = "vi"                       # vi | en: messages, dates, numbers
timezone = "Asia/Ho_Chi_Minh"
ledger = "data/ledger.sqlite"       # later also a postgresql:// address
[relays.main]
host = "smtp.example.edu.vn"
port = 587
tls = "starttls"                    # starttls (default) | implicit | none
username = "office@example.edu.vn"  # the password: environment
max_connections = 8
rate = ["20/second", "10000/day"]
"""


@pytest.fixture
def load(tmp_path):
    """Load a workspace whose notifier.toml is this text, under these variables."""

    def _load(text=DESIGN, **environ):
        (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
        return load_workspace(tmp_path, environ=environ)

    return _load


@pytest.fixture
def refused(load):
    """The SettingsError for such a text; like every one it says where, and what to do next."""

    def _refused(text, **environ):
        with pytest.raises(SettingsError) as caught:
            load(text, **environ)
        shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.as_dict())
        assert CANARY not in shown
        assert caught.value.where
        assert caught.value.next_step
        return caught.value

    return _refused


def test_the_designs_file_loads(load):
    """What the design shows is a workspace."""
    workspace = load()
    relay = workspace.relay("main")
    assert (relay.name, relay.host, relay.port, relay.tls) == (
        "main",
        "smtp.example.edu.vn",
        587,
        "starttls",
    )
    assert relay.rate == (Rate(20, 1.0), Rate(10000, 86400.0))
    assert workspace.settings.workspace.locale == "vi"
    assert workspace.ledger_path == workspace.root / "data/ledger.sqlite"
    assert workspace.reports_path == workspace.root / "data/reports"


def test_an_empty_file_is_a_workspace(load):
    """Every key has a default; mail goes to the sandbox."""
    workspace = load("")
    assert workspace.settings == Settings()
    assert workspace.relay().name == "sandbox"


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_port_follows_the_kind_of_tls(tls, port):
    """587, 465 or 25, unless one is given."""
    assert RelaySettings(host="a.example", tls=tls).port == port
    assert RelaySettings(host="a.example", tls=tls, port=26).port == 26


@pytest.mark.parametrize(
    ("line", "key", "where", "step"),
    [
        ("max_conections = 3", "relays.main.max_conections", "line 3", "max_connections"),
        ("port = 'x'", "relays.main.port must be a whole number", "line 3", ""),
        ("port = true", "relays.main.port", "line 3", ""),
        ("port = 70000", "relays.main.port must be at most 65535", "line 3", ""),
        ("tls = 'ssl'", "must be one of: starttls, implicit, none", "line 3", ""),
        ("rate = '20 a second'", "relays.main.rate", "line 3", ""),
        ("rate = ['20/second', 5]", "20/second, 600/hour", "line 3", ""),
        ("idle_timeout = 'soon'", "relays.main.idle_timeout", "line 3", ""),
        ("idle_timeout = 0", "must be greater than 0", "line 3", ""),
        ("max_connections = 0", "must be at least 1", "line 3", ""),
        ('username = "a\\r\\nX"', "line breaks", "line 3", ""),
        ("helo_name = 'a b'", "relays.main.helo_name", "line 3", ""),
        ("verify = 'perhaps'", "true or false", "line 3", ""),
        ("name = 'x'\nname2 = 1", "relays.main.name2", "line 4", ""),
        ("ca_file = 5", "must be the name of a file", "line 3", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_line_and_key(refused, line, key, where, step):
    """File, line, key, in plain words."""
    text = f"[relays.main]\nhost = 'a.example'\n{line}\n"
    error = refused(text)
    assert key in error.message
    assert where in error.where
    assert step in error.next_step


@pytest.mark.parametrize(
    ("text", "message", "step"),
    [
        ("[workspce]\n", "workspce", "Did you mean workspace?"),
        ("locale = 'vi'\n", "locale", "locale belongs under workspace."),
        ("[workspace]\nhost = 'x'\n", "workspace.host", "host belongs under relays.…"),
        ("[workspace]\ntimezone = 'Asia/Hanoi'\n", "time zone such as Asia/", ""),
        ("[relays]\nmain = 5\n", "relays.main must hold keys", ""),
        ("relays = 5\n", "relays must hold keys", ""),
        ("[relays.main]\nport = 25\n", "relays.main.host is missing", ""),
        ("[relays.main]\nhost = ''\n", "relays.main.host must not be empty", ""),
        ("[relays.main]\nhost = 'smtp://a.example'\n", "without smtp://", ""),
        ("[relays.main]\nhost = 'a.example:587'\n", "port = 587", ""),
        ("[relays.main]\nhost = 'a b'\n", "smtp.example.com", ""),
        ("[relays.sandbox]\nhost = 'a.example'\n", "sandbox is taken", "another name"),
        ("[[sandbox.rules]]\nmatch = '*'\naction = 'refuze'\n", "sandbox.rules[1].action", ""),
        ("[[sandbox.rules]]\nmatch = '*'\naction = 'refuse'\nreply = '450 x'\n", "5xx", ""),
        ("[[sandbox.rules]]\nmatch = '*'\naction = 'defer'\nreply = '4 x'\n", "4xx", ""),
        ("[retry]\nfactor = 0.5\n", "retry.factor must be at least 1", ""),
        ("[retry]\njitter = true\n", "retry.jitter", ""),
        ("[limits]\nmax_sheet_cells = 1.5\n", "limits.max_sheet_cells", ""),
    ],
)
def test_mistakes_of_structure(refused, text, message, step):
    """Unknown tables, misplaced keys, values that fit nowhere."""
    error = refused(text)
    assert message in error.message
    assert step in error.next_step
    assert error.where.startswith("notifier.toml, line ")


def test_all_mistakes_are_named_at_once(refused):
    """A file can be mended in one go."""
    error = refused("[retry]\nfactor = 0\n[limits]\nrender_seconds = 'x'\n")
    assert "line 2" in error.where
    assert "1 more mistake: notifier.toml, line 4: limits.render_seconds" in error.next_step


# --- secrets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"[relays.main]\nhost = 'a.example'\npassword = '{CANARY}'\n",
        f"[relays.main]\npassword = '{CANARY}'\n",
        f"[relays]\nmain = {{ host = 'a.example', password = '{CANARY}' }}\n",
        f"relays.main.password = '{CANARY}'\n",
        f"[relays.main-office]\npassword = ['{CANARY}']\n",
    ],
)
def test_a_password_in_the_file_is_refused_with_the_place_for_it(refused, text):
    """It names the line, the variable and the other way, and never the password."""
    error = refused(text)
    assert "password" in error.message
    assert "line" in error.where
    assert "NOTIFIER_RELAYS__MAIN" in error.next_step
    assert "password_file" in error.next_step


@pytest.mark.parametrize(
    "text",
    [
        f"[relays.main]\nhost = 'a.example'\npasword = '{CANARY}'\n",
        f"[workspace]\npassword = '{CANARY}'\n",
        f"password = '{CANARY}'\n",
        f"[relays.main]\nhost = 'a.example'\nport = '{CANARY}'\n",
        f"[relays.main]\nhost = 'a.example'\ntls = '{CANARY}'\n",
        f"[relays.main]\nhost = 'a.example'\nrate = '{CANARY}'\n",
        f"[relays.main]\nhost = '{CANARY} {CANARY}'\n",
        f"[relays]\nmain = '{CANARY}'\n",
        f"[workspace]\ntimezone = '{CANARY}'\n",
        f"[relays.main]\npassword = {CANARY}\n",
        f"[relays.main]\npassword = '{CANARY}\n",
    ],
)
def test_no_value_is_repeated_by_any_error(refused, text):
    """What stands in a wrong place may be a secret: neither error nor traceback shows it."""
    refused(text)


def test_the_environments_password_is_used_and_shown_nowhere(load):
    """secret() gives it; repr, str, dump and the workspace's repr do not."""
    workspace = load(NOTIFIER_RELAYS__MAIN__PASSWORD=CANARY)
    relay = workspace.relay("main")
    assert relay.secret() == CANARY
    for shown in (repr(relay), str(relay), repr(workspace), str(relay.model_dump())):
        assert CANARY not in shown
    assert CANARY not in relay.model_dump_json()


@pytest.mark.parametrize(
    "environ",
    [
        {"NOTIFIER_RELAYS__MAIN__PASWORD": CANARY},
        {"NOTIFIER_RELAY__MAIN__PASSWORD": CANARY},
        {"NOTIFIER_RELAYS__MIAN__PASSWORD": CANARY},
        {"NOTIFIER_RELAYS__MAIN__PORT": CANARY},
        {"NOTIFIER_RELAYS__MAIN": CANARY},
        {"NOTIFIER_RELAYS__MAIN__PASSWORD__X": CANARY},
        {"NOTIFIER_LOCALE": CANARY},
    ],
)
def test_a_wrong_variable_is_told_by_its_name_alone(refused, environ):
    """The error names the variable and not what it holds."""
    error = refused(DESIGN, **environ)
    assert next(iter(environ)) in error.where


def test_a_password_for_a_relay_that_is_not_there(refused):
    """A misspelt relay in a variable is told with the relays that there are."""
    error = refused(DESIGN, NOTIFIER_RELAYS__MIAN__PASSWORD=CANARY)
    assert "mian" in error.message
    assert "main" in error.next_step


def test_a_password_from_a_file(load, tmp_path):
    """Its name is relative to the workspace; the environment wins over it."""
    file = tmp_path / "secret"
    file.touch(mode=0o600)
    file.write_text(f"{CANARY}\n")
    text = DESIGN + "password_file = 'secret'\n"
    relay = load(text).relay("main")
    assert relay.password_file == file
    assert relay.secret() == CANARY
    assert load(text, NOTIFIER_RELAYS__MAIN__PASSWORD="other").relay("main").secret() == "other"


def test_the_files_with_secrets_are_known(load, tmp_path):
    """Each file that holds a password, token or key; not the public certificates."""
    found = load(
        DESIGN
        + """password_file = "pw.txt"
ca_file = "ca.pem"
client_cert_file = "me.pem"
oauth = {provider = "google", service_account_file = "sa.json"}
[dkim.a]
domain = "x.example"
selector = "a"
key_file = "keys/a.pem"
"""
    )
    names = {path.relative_to(tmp_path).as_posix() for path in found.secret_files()}
    assert names == {"pw.txt", "me.pem", "sa.json", "keys/a.pem"}


def test_no_password_is_an_empty_one(load):
    """A relay inside the house may want none; an empty variable is none."""
    assert load().relay("main").secret() == ""
    assert load(NOTIFIER_RELAYS__MAIN__PASSWORD="").relay("main").secret() == ""


# --- the environment -------------------------------------------------------------------------


def test_the_environment_wins(load):
    """Numbers, truths, lists and the language, as variables."""
    workspace = load(
        NOTIFIER_LOCALE="en",
        NOTIFIER_RELAYS__MAIN__PORT="2525",
        NOTIFIER_RELAYS__MAIN__VERIFY="false",
        NOTIFIER_RELAYS__MAIN__RATE="5/second, 100/day",
        NOTIFIER_RETRY__FIRST="10m",
        NOTIFIER_DEBUG="1",
    )
    relay = workspace.relay("main")
    assert workspace.settings.workspace.locale == "en"
    assert (relay.port, relay.verify) == (2525, False)
    assert relay.rate == (Rate(5, 1.0), Rate(100, 86400.0))
    assert workspace.settings.retry.first == 600


# --- finding the workspace -------------------------------------------------------------------


def test_the_workspace_is_found_from_below(tmp_path):
    """From the current folder upwards, or by NOTIFIER_WORKSPACE, or as told."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "notifier.toml").touch()
    assert find_root(below) == tmp_path
    assert load_workspace(cwd=below, environ={}).root == tmp_path
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / "notifier.toml").touch()
    assert load_workspace(cwd=below, environ={"NOTIFIER_WORKSPACE": "../../other"}).root.samefile(
        elsewhere
    )
    assert load_workspace(Path("a/.."), cwd=tmp_path, environ={}).root.samefile(tmp_path)


@pytest.mark.parametrize("environ", [{}, {"NOTIFIER_WORKSPACE": "nowhere"}])
def test_no_workspace_says_how_to_make_one(tmp_path, environ):
    """With the command to type."""
    with pytest.raises(SettingsError, match="no workspace") as caught:
        load_workspace(cwd=tmp_path, environ=environ)
    assert "notifier init" in caught.value.next_step


# --- relays by name --------------------------------------------------------------------------


def test_the_sandbox_is_always_a_relay(load):
    """At its own host and port, without TLS."""
    relay = load("[sandbox]\nport = 2600\n").relay("sandbox")
    assert (relay.host, relay.port, relay.tls, relay.secret()) == ("127.0.0.1", 2600, "none", "")


def test_a_relay_that_is_not_there(load):
    """The nearest is named."""
    with pytest.raises(UsageError, match="mian") as caught:
        load().relay("mian")
    assert caught.value.next_step == "Did you mean main?"


def test_without_a_name_the_only_relay_is_meant(load):
    """With several, one must be named."""
    assert load().relay().name == "main"
    two = load(DESIGN + "[relays.other]\nhost = 'b.example'\n")
    with pytest.raises(UsageError, match="several relays") as caught:
        two.relay()
    assert "relay: main" in caught.value.next_step


def test_settings_are_frozen_and_closed():
    """Nothing changes them, nothing unknown gets in."""
    relay = RelaySettings(host="a.example")
    with pytest.raises(ValidationError):
        relay.port = 1
    with pytest.raises(ValidationError):
        SandboxSettings(nonsense=1)


def test_retries_are_in_seconds():
    """Durations are read, defaults are the design's."""
    assert RetrySettings() == RetrySettings(
        first="5m", factor=2, longest="4h", horizon="2d", jitter=0.1
    )
    assert RetrySettings().longest == 14400


def test_a_power_cut_takes_nothing_unless_somebody_chose_otherwise(load, refused):
    """`durability` is `full`; `fast` must be said, and nothing else is known."""
    assert load().settings.workspace.durability == "full"
    assert load(NOTIFIER_WORKSPACE__DURABILITY="fast").settings.workspace.durability == "fast"
    assert "full, fast" in refused('[workspace]\ndurability = "off"\n').message


def test_how_long_recipients_are_kept(load, refused):
    """For good unless it is said; in days, weeks or years, a day at least."""
    assert load().settings.workspace.keep_recipients is None
    settings = load('[workspace]\nkeep_recipients = "12w"\n').settings
    assert settings.workspace.keep_recipients == 84 * 86_400
    for text in ('"0d"', '"400"', "90"):
        error = refused(f"[workspace]\nkeep_recipients = {text}\n")
        assert "keep_recipients" in error.message + error.where
