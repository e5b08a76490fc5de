"""docs/relays.md in both languages against the program: what can be copied from it works."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from notifier.relays import OAuthSettings, RelaySettings
from notifier.settings import load_workspace

ROOT = Path(__file__).parents[2]
PAGES = ("relays.md", "relays.vi.md")
#: What this page is about; the rest is in the README.
KEYS = {
    *OAuthSettings.model_fields,
    "auth",
    "ca_file",
    "verify",
    "tls",
    "tls_minimum",
    "client_cert_file",
    "client_key_file",
    "allow_insecure_auth",
}


def text(page):
    """The page."""
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(page):
    """Its examples."""
    return re.findall(r"```toml\n(.*?)```", text(page), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_every_example_can_be_used(page, tmp_path):
    """Each block is a notifier.toml that loads as it stands, in at most a dozen lines."""
    assert len(blocks(page)) == 6
    for block in blocks(page):
        (tmp_path / "notifier.toml").write_text(block, encoding="utf-8")
        relay = load_workspace(tmp_path, environ={}).relay("main")
        assert relay.tls == "starttls"
        assert len(block.splitlines()) <= 12


@pytest.mark.parametrize("page", PAGES)
def test_every_way_to_sign_in_is_told(page):
    """Each value of `auth`, each key of the table, each variable for a secret."""
    ways = RelaySettings.model_fields["auth"].annotation.__args__
    for word in (*ways, *KEYS - {"refresh_token", "client_secret", "subject"}):
        assert f"`{word}" in text(page) or f'"{word}"' in text(page) or f"{word} =" in text(page)


def test_both_pages_show_the_same():
    """The same keys in the same order; names and comments differ."""

    def keys(page):
        return [
            {
                name: sorted(value) if isinstance(value, dict) else ""
                for name, value in tomllib.loads(block)["relays"]["main"].items()
            }
            for block in blocks(page)
        ]

    assert keys("relays.md") == keys("relays.vi.md")


@pytest.mark.parametrize(
    ("readme", "page"), [("README.md", "relays.md"), ("README.vi.md", "relays.vi.md")]
)
def test_the_readme_leads_there(readme, page):
    """A link in each language."""
    assert f"(docs/{page})" in (ROOT / readme).read_text(encoding="utf-8")
