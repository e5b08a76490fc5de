from __future__ import annotations

import traceback

import pytest

from notifier.alert_settings import AlertKind
from notifier.errors import SettingsError
from notifier.settings import load_workspace

CANARY = "canary-9c1d"
RELAYS = """\
[relays.main]
host = "smtp.example.edu.vn"
[relays.backup]
host = "smtp2.example.edu.vn"
"""


@pytest.fixture
def load(tmp_path):
    """The alerts of a workspace whose notifier.toml has this table."""

    def _load(text="", **environ):
        (tmp_path / "notifier.toml").write_text(RELAYS + text, encoding="utf-8")
        return load_workspace(tmp_path, environ=environ).settings.alerts

    return _load


@pytest.fixture
def refused(load):
    """The SettingsError for such a table; it repeats no secret."""

    def _refused(text, **environ):
        with pytest.raises(SettingsError) as caught:
            load(text, **environ)
        shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.as_dict())
        assert CANARY not in shown
        return caught.value

    return _refused


def test_without_a_table_nobody_is_told(load):
    """Nothing is wanted, of any kind."""
    alerts = load()
    assert not alerts.is_on
    assert not any(alerts.wants(kind) for kind in AlertKind)


def test_mail_and_webhook(load):
    """One address, several with commas, or a list; every kind is told unless said otherwise."""
    alerts = load(
        '[alerts]\nmail = "it@school.example, head@school.example"\nrelay = "backup"\n'
        'from = "Mail of the school <it@school.example>"\n'
        'webhook = "https://hooks.example/x/canary"\n'
    )
    assert alerts.mail == ("it@school.example", "head@school.example")
    assert (alerts.relay, alerts.webhook_host) == ("backup", "hooks.example")
    assert all(alerts.wants(kind) for kind in AlertKind)
    assert "canary" not in repr(alerts)


def test_only_some_kinds_are_wanted(load):
    """A trial goes out all the same."""
    alerts = load('[alerts]\nmail = "it@school.example"\non = ["paused", "relay_down"]\n')
    told = [kind for kind in AlertKind if alerts.wants(kind)]
    assert told == [AlertKind.PAUSED, AlertKind.RELAY_DOWN, AlertKind.TEST]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('mail = "nobody"', "an address such as"),
        ("mail = 7", "an address is expected"),
        ('mail = "it@school.example"\non = ["everything"]', "paused, relay_down, failures"),
        ('mail = "it@school.example"\nrelay = "backupp"', "no relay named backupp"),
        ('relay = "backup"', "need mail"),
        ('webhook = "http://hooks.example/x"', "https://"),
        ('webhook = "ftp://hooks.example/canary-9c1d"', "https://"),
        ('webhook = "https://me:canary-9c1d@hooks.example/"', "https://"),
        ('webhook_secret_file = "x"', "needs webhook"),
        ('mail = "it@school.example"\nfrom = "a@b.example\\nBcc: x@y.example"', "line breaks"),
        ('mails = "it@school.example"', "not a key"),
    ],
)
def test_a_mistake_is_told_plainly(refused, text, message):
    """What is expected, and never what stood there where it may be a secret."""
    error = refused(f"[alerts]\n{text}\n")
    assert message in error.message + error.next_step


def test_the_nearest_relay_is_offered(refused):
    """With the line of the key."""
    error = refused('[alerts]\nmail = "it@school.example"\nrelay = "backupp"\n')
    assert "backup" in error.next_step
    assert error.where == "notifier.toml, line 7"


def test_the_secret_comes_from_the_environment_or_a_file(load, refused, tmp_path):
    """Never from notifier.toml, and it is shown nowhere."""
    hook = '[alerts]\nwebhook = "https://hooks.example/"\n'
    assert load(hook, NOTIFIER_ALERTS__WEBHOOK_SECRET=CANARY).secret() == CANARY
    assert CANARY not in repr(load(hook, NOTIFIER_ALERTS__WEBHOOK_SECRET=CANARY))
    (tmp_path / "secret").write_text(f"{CANARY}\n", encoding="utf-8")
    (tmp_path / "secret").chmod(0o600)
    assert load(f'{hook}webhook_secret_file = "secret"\n').secret() == CANARY
    assert load(hook).secret() == ""
    error = refused(f'{hook}webhook_secret = "{CANARY}"\n')
    assert "webhook_secret_file" in error.next_step
    assert "NOTIFIER_ALERTS__WEBHOOK_SECRET" in error.next_step


def test_the_webhook_may_come_from_the_environment(load):
    """Its address is often a secret by itself."""
    assert load(NOTIFIER_ALERTS__WEBHOOK="https://hooks.example/a").webhook_host == "hooks.example"


def test_no_campaign_may_attach_the_secret(tmp_path):
    """The file counts among those that hold secrets."""
    text = '[alerts]\nwebhook = "https://hooks.example/"\nwebhook_secret_file = "hook.txt"\n'
    (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
    assert tmp_path / "hook.txt" in load_workspace(tmp_path, environ={}).secret_files()
