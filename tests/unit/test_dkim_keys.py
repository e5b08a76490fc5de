from __future__ import annotations

import pytest

from notifier.campaign import load_campaign
from notifier.dkim_keys import DkimSettings, ascii_domain, check_selector, choose_keys
from notifier.errors import CampaignError, SettingsError, UsageError
from notifier.settings import load_workspace

TABLES = """\
[dkim.school]
domain = "school.example"
selector = "2027a"
key_file = "keys/a.pem"

[dkim.newer]
domain = "School.Example."
selector = "2027b"
key_file = "/etc/b.pem"

[dkim.mail]
domain = "trường.example"
selector = "x"
key_file = "c.pem"
"""


@pytest.fixture
def load(tmp_path):
    """The workspace of this notifier.toml, under these variables."""

    def _load(text=TABLES, **environ):
        (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
        return load_workspace(tmp_path, environ=environ)

    return _load


def names(found):
    """Their names in notifier.toml."""
    return [key.name for key in found]


def test_a_table_is_a_key(load, tmp_path):
    """Its name, its domain as DNS knows it, its file from the workspace's root."""
    keys = load().settings.dkim
    assert list(keys) == ["school", "newer", "mail"]
    assert keys["school"].key_file == tmp_path / "keys" / "a.pem"
    assert str(keys["newer"].key_file) == "/etc/b.pem"
    assert keys["newer"].record_name == "2027b._domainkey.school.example"
    assert keys["mail"].domain == "xn--trng-rib8295b.example"
    assert keys["mail"].name == "mail"


def test_the_environment_names_a_key(load):
    """As every key of notifier.toml."""
    keys = load(TABLES, NOTIFIER_DKIM__SCHOOL__SELECTOR="other").settings.dkim
    assert keys["school"].selector == "other"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("office@school.example", ["school", "newer"]),
        ("office@SCHOOL.example", ["school", "newer"]),
        ("office@mail.school.example", ["school", "newer"]),
        ("office@a.b.school.example", ["school", "newer"]),
        ("office@preschool.example", []),
        ("office@other.example", []),
        ("ă@trường.example", ["mail"]),
        ("a@xn--trng-rib8295b.example", ["mail"]),
    ],
)
def test_a_domains_keys_sign_its_mail(load, address, found):
    """Those of the sender's domain, else of the nearest above it; no others."""
    assert names(load().dkim_keys(address)) == found


def test_the_nearest_domain_goes_first():
    """A department's own key signs, and not its school's."""
    keys = {
        domain: DkimSettings(name=domain, domain=domain, selector="a", key_file="a.pem")
        for domain in ("school.example", "it.school.example")
    }
    chosen = choose_keys(keys, "a@x.it.school.example", chosen=None)
    assert names(chosen) == ["it.school.example"]


def test_a_campaign_decides_for_itself(load):
    """Off; only signed; these keys, each once and in this order."""
    workspace = load()
    assert workspace.dkim_keys("a@school.example", chosen=False) == ()
    assert names(workspace.dkim_keys("a@school.example", chosen=True)) == ["school", "newer"]
    chosen = ("mail", "school", "mail")
    assert names(workspace.dkim_keys("a@school.example", chosen=chosen)) == ["mail", "school"]


def test_a_key_that_is_not_there_is_told(load):
    """With the name that was meant, or the command that makes one."""
    with pytest.raises(UsageError, match="scool") as caught:
        load().dkim_keys("a@school.example", chosen=("scool",))
    assert "school" in caught.value.next_step
    with pytest.raises(UsageError, match=r"a@other\.example") as caught:
        load().dkim_keys("a@other.example", chosen=True)
    assert "keygen" in caught.value.next_step
    with pytest.raises(UsageError, match="nobody") as caught:
        load("").dkim_keys("a@other.example", chosen=("nobody",))
    assert "keygen" in caught.value.next_step


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('domain = "school.example"', 'domain = "no domain"', 2),
        ('domain = "school.example"', 'domain = "@"', 2),
        ('selector = "2027a"', 'selector = "a b"', 3),
        ('selector = "2027a"', 'selector = "a; p=x"', 3),
        ('selector = "2027a"', 'selector = "-a"', 3),
        ('selector = "2027a"', 'selector = "a..b"', 3),
        ('selector = "2027a"', 'selector = "2027a"\nprivate_key = "canary-7f3a"', 4),
        ('selector = "2027b"', 'selector = "2027A"', 6),
    ],
)
def test_a_mistake_is_told_with_its_line(load, old, new, line):
    """A domain, a selector, a key that is written into the file, two keys with one record."""
    with pytest.raises(SettingsError) as caught:
        load(TABLES.replace(old, new))
    assert f"line {line}" in caught.value.where or f"dòng {line}" in caught.value.where
    assert "canary" not in repr(caught.value.as_dict())


def test_a_table_must_be_complete(load):
    """Each of the three keys is missed by name."""
    for key in ("domain", "selector", "key_file"):
        text = "\n".join(line for line in TABLES.splitlines() if not line.startswith(key))
        with pytest.raises(SettingsError) as caught:
            load(text)
        assert key in caught.value.message


def test_selectors_and_domains_are_those_of_dns():
    """Dots between labels, no injection; a domain loses its last dot and its capitals."""
    for good in ("a", "2027a", "a.b", "k1_x", "s-1", "a" * 63):
        assert check_selector(good) == good
    for bad in ("", "a.", ".a", "a-", "ă", "a\n", "a;b", "a" * 64):
        with pytest.raises(ValueError, match="2027a"):
            check_selector(bad)
    assert ascii_domain(" Example.COM. ") == "example.com"


# --- a campaign's word -------------------------------------------------------------------------


@pytest.fixture
def campaign(tmp_path):
    """The campaign with this line about signing."""

    def _campaign(line):
        path = tmp_path / "campaigns" / "a.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            "title: A\nfrom: a@school.example\nrecipients: {file: a.csv}\ntemplate: a\n" + line
        )
        return load_campaign(tmp_path, "a")

    return _campaign


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("", None),
        ("dkim: false", False),
        ("dkim: true", True),
        ("dkim: school", ("school",)),
        ("dkim: [school, newer]", ("school", "newer")),
    ],
)
def test_a_campaign_says_how_it_is_signed(campaign, line, meaning):
    """Nothing, no, yes, one key, several."""
    assert campaign(line).dkim == meaning


@pytest.mark.parametrize("line", ["dkim: 1", "dkim: []", "dkim: {a: b}", "dkim: [1]"])
def test_other_words_are_refused(campaign, line):
    """With the place, and what is expected there."""
    with pytest.raises(CampaignError, match="true, false"):
        campaign(line)
