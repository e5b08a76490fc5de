"""`[relays.NAME]`: the keys of signing in and of TLS."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from notifier.errors import SettingsError
from notifier.settings import RelaySettings, load_workspace

CANARY = "canary-7f3a"
BASE = '[relays.main-office]\nhost = "smtp.example"\nusername = "office@school.example"\n'
OAUTH = f'{BASE}[relays.main-office.oauth]\nprovider = "microsoft365"\n'
WHOLE = f'{OAUTH}tenant = "school.example"\nclient_id = "the-app"\n'


@pytest.fixture
def load(tmp_path):
    """The relay of such a notifier.toml under these variables."""

    def _load(text, **environ):
        (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
        return load_workspace(tmp_path, environ=environ).relay("main-office")

    return _load


@pytest.mark.parametrize(
    ("key", "line", "file_key"),
    [
        ("client_key_password", f"{BASE}client_key_password = '{CANARY}'\n", ""),
        ("client_secret", f"{OAUTH}client_secret = '{CANARY}'\n", "client_secret_file"),
        ("refresh_token", f"{OAUTH}refresh_token = '{CANARY}'\n", "refresh_token_file"),
    ],
)
def test_a_secret_in_the_file_is_refused_with_the_place_for_it(load, key, line, file_key):
    """As a password: its line, its variable, the key of its file; never the secret."""
    with pytest.raises(SettingsError) as caught:
        load(line)
    error = caught.value
    assert key in error.message
    assert "line" in error.where
    assert f"NOTIFIER_RELAYS__MAIN_OFFICE__{'OAUTH__' if file_key else ''}" in error.next_step
    assert file_key in error.next_step
    assert CANARY not in str(error.as_dict())


def test_secrets_from_the_environment_are_shown_nowhere(load):
    """Set by variables below the table, and in no repr or dump."""
    relay = load(
        WHOLE,
        NOTIFIER_RELAYS__MAIN_OFFICE__OAUTH__CLIENT_SECRET=CANARY,
        NOTIFIER_RELAYS__MAIN_OFFICE__OAUTH__REFRESH_TOKEN=CANARY,
        NOTIFIER_RELAYS__MAIN_OFFICE__CLIENT_KEY_PASSWORD=CANARY,
    )
    assert relay.oauth.client_secret.get_secret_value() == CANARY
    for shown in (repr(relay), str(relay.model_dump()), relay.model_dump_json()):
        assert CANARY not in shown


def test_files_are_relative_to_the_workspace(load, tmp_path):
    """Those of the table below, too."""
    text = WHOLE.replace("[relays.main-office.oauth]", "client_cert_file = 'c.pem'\n[x]", 1)
    text = text.replace("[x]", "[relays.main-office.oauth]\nclient_secret_file = 'secret'")
    relay = load(text)
    assert relay.client_cert_file == tmp_path / "c.pem"
    assert relay.oauth.client_secret_file == tmp_path / "secret"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"auth": "xoauth2"}, "oauth"),
        ({"auth": "plain", "oauth": {"provider": "custom", "token_file": "t"}}, "oauth"),
        ({"username": "", "oauth": {"provider": "custom", "token_file": "t"}}, "username"),
        ({"auth": "external"}, "client_cert_file"),
        ({"client_key_file": "k"}, "client_cert_file"),
        ({"client_cert_file": "c", "tls": "none"}, "tls"),
        ({"oauth": {"provider": "microsoft365"}}, "client_id"),
        ({"oauth": {"provider": "microsoft365", "client_id": "a"}}, "tenant"),
        ({"oauth": {"provider": "google"}}, "service_account_file"),
        ({"oauth": {"provider": "custom"}}, "token_command"),
        ({"oauth": {"provider": "custom", "client_id": "a"}}, "token_url"),
        ({"oauth": {"provider": "custom", "token_url": "http://id.example/"}}, "https://"),
        ({"oauth": {"provider": "custom", "token_url": "file:///etc/passwd"}}, "https://"),
        ({"oauth": {"provider": "custom", "token_url": "https://u:p@id.example/"}}, "https://"),
        ({"oauth": {"provider": "microsoft365", "tenant": "a/../b"}}, "tenant"),
        ({"tls_minimum": "1.1"}, "1.2"),
    ],
)
def test_what_does_not_fit_together_is_told(options, told):
    """Keys that would be passed over, half a table, an address that would give a secret away."""
    defaults = {"name": "main", "host": "smtp.example", "username": "office"}
    with pytest.raises(ValidationError) as caught:
        RelaySettings(**{**defaults, **options})
    assert told in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/t", "http://[::1]/t", "http://localhost/"])
def test_a_token_server_on_this_computer_needs_no_tls(url):
    """RFC 8252 section 8.3."""
    table = {"provider": "custom", "client_id": "a", "token_url": url}
    relay = RelaySettings(host="smtp.example", username="office", oauth=table)
    assert relay.oauth.token_url == url


def test_a_wrong_key_below_is_told_with_the_nearest(load):
    """Unknown keys are refused here, too, with their line."""
    with pytest.raises(SettingsError) as caught:
        load(f"{WHOLE}tennant = 'x'\n")
    assert "tennant" in caught.value.message
    assert "tenant" in caught.value.next_step
    assert "line 8" in caught.value.where
