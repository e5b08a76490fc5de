from __future__ import annotations

import re

import pytest

from notifier.errors import SettingsError
from notifier.model import Rate, Reply
from notifier.settings import load_workspace
from notifier.slowdowns import SHIPPED, SlowdownRule, first_match, shipped_rules


def rule(**keys):
    """A rule as a file would have it."""
    return SlowdownRule.model_validate({"slow_to": "50%", **keys})


@pytest.mark.parametrize(
    ("keys", "matches"),
    [
        ({"code": 421}, True),
        ({"code": "4xx"}, True),
        ({"code": ["450", "42x"]}, True),
        ({"code": 450}, False),
        ({"enhanced": "4.7.*"}, True),
        ({"enhanced": ["4.4.2", "4.7.28"]}, True),
        ({"enhanced": "4.7.2"}, False),
        ({"text": "UNUSUAL rate"}, True),
        ({"text": "^rate"}, False),
        ({"code": 421, "domain": "gmail.com"}, True),
        ({"code": 421, "domain": ["a.example", "GMAIL.com"]}, True),
        ({"code": 421, "domain": "*"}, True),
        ({"code": 421, "domain": "yahoo.com"}, False),
        ({"code": 421, "text": "unusual", "enhanced": "5.*.*"}, False),
    ],
)
def test_a_rule_matches_where_all_that_it_says_fits(keys, matches):
    """Code, enhanced code, text and domain."""
    reply = Reply(421, "4.7.28", "an unusual rate of unsolicited mail")
    assert rule(**keys).matches(reply, "gmail.com") is matches


def test_the_first_rule_counts_and_a_good_reply_has_none():
    """So a user's rules, which come first, say it otherwise."""
    mine, theirs = rule(code="4xx", pause_for="1m"), rule(code=421)
    assert first_match((mine, theirs), Reply(421, "", "busy"), "a.example") is mine
    assert first_match((mine, theirs), Reply(250, "", "busy"), "a.example") is None
    assert first_match((theirs,), Reply(450, "", "busy"), "a.example") is None


def test_a_speed_is_a_share_or_a_rate():
    """`50%`, `10/minute`."""
    assert rule(code=421, slow_to="12.5%").slow_to == 0.125
    assert rule(code=421, slow_to="10/minute").slow_to == Rate(10, 60.0)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('slow_to = "50%"', "one of: code"),
        ("code = 421", "one of: slow_to"),
        ('code = 421\nslow_to = "150%"', "share"),
        ('code = 421\nslow_to = "soon"', "share"),
        ('code = 250\nslow_to = "50%"', "421"),
        ('enhanced = "4.7"\nslow_to = "50%"', "4.7.28"),
        ('text = "("\nslow_to = "50%"', "regular expression"),
        ('code = 421\ndomain = "a@b.example"\nslow_to = "50%"', "domain"),
        ('code = 421\nscope = "world"\nslow_to = "50%"', "one of"),
        ('code = 421\nslow_too = "50%"', "slow_too"),
    ],
)
def test_a_mistake_in_a_rule_is_told_with_its_place(tmp_path, line, word):
    """As every mistake in notifier.toml."""
    (tmp_path / "notifier.toml").write_text(f"[[slowdown]]\n{line}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(word)) as caught:
        load_workspace(tmp_path, environ={})
    assert caught.value.where.startswith("notifier.toml, line ")


def test_a_user_adds_rules(tmp_path):
    """`[[slowdown]]`, in the form of those that ship."""
    text = '[[slowdown]]\ncode = 451\ntext = "later, please"\npause_for = "2m"\n'
    (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
    (found,) = load_workspace(tmp_path, environ={}).settings.slowdown
    assert (found.code, found.pause_for, found.scope) == (("451",), 120.0, "relay")


# --- the rules that ship -----------------------------------------------------------------------

#: What providers say -> who is slowed down and how: (scope, whether it pauses, one at a time).
SAID = {
    "421 4.7.28 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail originating"
    " from your IP address.": ("domain", True, False),
    "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your"
    " message at a later time.": ("domain", False, False),
    "450 4.2.1 Peak SMTP relay limit exceeded for customer.": ("relay", True, False),
    "550 5.4.5 Daily sending quota exceeded.": ("relay", True, False),
    "550 5.4.5 Daily SMTP relay limit exceeded for user.": ("relay", True, False),
    "454 Throttling failure: Maximum sending rate exceeded.": ("relay", True, False),
    "454 Throttling failure: Daily message quota exceeded.": ("relay", True, False),
    "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded": ("relay", True, True),
    "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending": (
        "relay",
        True,
        True,
    ),
    "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or"
    " user complaints - 4.16.55.1": ("domain", True, False),
    "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP"
    " reputation. (S775)": ("domain", True, False),
    "421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit"
    " allowed.": ("domain", True, False),
    "421 RP-003 The connection limit has been exceeded.": ("domain", True, True),
    "550 5.7.1 office@me.example: You have exceeded your daily sending limit.": (
        "relay",
        True,
        False,
    ),
    "421 4.7.0 Too many connections from your host": ("relay", True, True),
    "451 too many messages in this hour, slow down": ("relay", True, False),
    "421 4.7.1 policy": ("relay", True, False),
    "451 4.4.2 Timeout - closing connection.": ("relay", True, False),
    "452 4.3.1 Insufficient system storage": ("relay", True, False),
}


@pytest.mark.parametrize("said", list(SAID))
def test_what_providers_say_is_understood(said):
    """Gmail, Microsoft, Yahoo, Amazon, Apple and others, in their own words."""
    code, _space, rest = said.partition(" ")
    found = re.match(r"([45]\.\d+\.\d+) (.*)", rest)
    enhanced, text = (found[1], found[2]) if found else ("", rest)
    match = first_match(shipped_rules(), Reply(int(code), enhanced, text), "gmail.com")
    assert match is not None
    assert (match.scope, match.pause_for > 0, match.one_connection) == SAID[said]


@pytest.mark.parametrize(
    "said",
    [
        "550 5.1.1 The email account that you tried to reach does not exist",
        "552 5.2.2 The email account that you tried to reach is over quota",
        "452 4.2.2 The email account that you tried to reach is over quota",
        "450 4.7.1 Greylisted, please try again in 300 seconds",
        "421 4.3.2 Service shutting down",
        "554 5.7.1 Message rejected as spam",
        "552 5.3.4 Message size exceeds fixed limit",
        "451 4.3.0 Temporary lookup failure",
    ],
)
def test_what_is_not_about_our_speed_slows_nobody_down(said):
    """No mailbox, a full one, greylisting, spam, a message too large, a shutdown."""
    code, enhanced, text = said.split(" ", 2)
    assert first_match(shipped_rules(), Reply(int(code), enhanced, text), "gmail.com") is None


def test_the_shipped_table_says_where_each_wording_was_read():
    """Providers' pages, in comments."""
    assert len(shipped_rules()) >= 15
    assert len(re.findall(r"https://", SHIPPED.read_text("utf-8"))) >= 8
