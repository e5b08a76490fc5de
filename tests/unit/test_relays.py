from __future__ import annotations

import pytest
from pydantic import ValidationError

from notifier.errors import SettingsError
from notifier.model import Rate
from notifier.presets import SHIPPED, preset_names
from notifier.settings import RelaySettings, load_workspace

RELAY = '[relays.main]\nhost = "smtp.school.example"\n'


@pytest.fixture
def load(tmp_path):
    """The relay `main` of a workspace whose notifier.toml is this text."""

    def _load(text):
        (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
        return load_workspace(tmp_path, environ={}).relay("main")

    return _load


# --- [relays.NAME.domains] -------------------------------------------------------------------


def test_a_domain_has_limits_of_its_own(load):
    """By the domain's name in quotes; `*` is for every other one."""
    relay = load(
        RELAY
        + """
[relays.main.domains."GMail.com"]
rate = ["20/minute", "500/day"]
connections = 2
[relays.main.domains]
"*" = {rate = "600/hour"}
"""
    )
    assert relay.domains["gmail.com"].rate == (Rate(20, 60.0), Rate(500, 86_400.0))
    assert relay.domains["gmail.com"].connections == 2
    assert relay.domains["*"].rate == (Rate(600, 3600.0),)
    assert relay.domains["*"].connections == 0


def test_a_mistake_in_a_domains_limits_is_told_with_its_line(load):
    """The key, and the nearest that is known."""
    with pytest.raises(SettingsError, match="conections") as caught:
        load(RELAY + '[relays.main.domains."gmail.com"]\nrate = "1/second"\nconections = 2\n')
    assert caught.value.where == "notifier.toml, line 5"
    assert "connections" in caught.value.next_step


def test_what_is_no_domain_is_refused(load):
    """An address where a domain is expected."""
    with pytest.raises(SettingsError, match="domain") as caught:
        load(RELAY + '[relays.main.domains."an@gmail.com"]\nrate = "1/second"\n')
    assert caught.value.where.startswith("notifier.toml, line ")


# --- presets -----------------------------------------------------------------------------------


def test_a_preset_is_what_the_relay_begins_with(load):
    """Its host, its connections, its limits."""
    relay = load('[relays.main]\npreset = "microsoft365"\n')
    assert (relay.host, relay.port, relay.tls) == ("smtp.office365.com", 587, "starttls")
    assert relay.max_connections == 3
    assert relay.rate == (Rate(30, 60.0), Rate(10_000, 86_400.0))


def test_what_is_said_overrides_the_preset(load):
    """Each key for itself; the port goes with the TLS that is asked for."""
    relay = load('[relays.main]\npreset = "gmail"\nrate = "9/day"\ntls = "implicit"\n')
    assert relay.host == "smtp.gmail.com"
    assert relay.rate == (Rate(9, 86_400.0),)
    assert relay.port == 465


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_can_be_used_and_names_its_source(load, name):
    """Rates at least; a page above each, or the page of the one before."""
    relay = load(f'[relays.main]\npreset = "{name}"\nhost = "mail.school.example"\n')
    assert relay.rate
    above = SHIPPED.read_text("utf-8").partition(f"[{name}]")[0]
    assert "https://" in above or "same page" in above


def test_a_misspelt_preset_is_told_with_the_nearest(load):
    """And with its place."""
    with pytest.raises(SettingsError, match="microsoft365") as caught:
        load('[relays.main]\npreset = "microsoft356"\n')
    assert caught.value.where.startswith("notifier.toml, line ")


def test_a_preset_without_a_host_still_needs_one(load):
    """Amazon's depends on the region."""
    with pytest.raises(SettingsError, match="host"):
        load('[relays.main]\npreset = "amazon-ses-sandbox"\n')


def test_where_returned_mail_goes_is_an_address():
    """In its ASCII form where only the domain is beyond it; empty is the campaign's sender."""
    settings = RelaySettings(name="main", host="x.example", envelope_from="a@trường.example")
    assert settings.envelope_from == "a@xn--trng-rib8295b.example"
    assert RelaySettings(name="main", host="x.example").envelope_from == ""
    with pytest.raises(ValidationError, match="an address such as"):
        RelaySettings(name="main", host="x.example", envelope_from="office")
