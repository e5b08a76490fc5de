from __future__ import annotations

import dns.exception
import dns.resolver
import pytest

from notifier.cli.dkim import exit_code
from notifier.cli.name_server import open_resolver, parse_name_server
from notifier.errors import UsageError
from notifier.locale import use


@pytest.fixture(autouse=True)
def _english():
    use("en")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1.1.1.1", ("1.1.1.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2606:4700::1111", ("2606:4700::1111", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_a_name_server_is_an_address(text, meaning):
    """Of either family, with a port or without."""
    assert parse_name_server(text) == meaning


@pytest.mark.parametrize("text", ["", "dns.example", "1.1.1", "1.1.1.1:", ":53", "[::1]"])
def test_other_words_are_no_name_server(text):
    """A name would have to be looked up first."""
    with pytest.raises(UsageError) as caught:
        open_resolver(text)
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (dns.resolver.LifetimeTimeout(timeout=5.0, errors=[]), "no answer within 5 seconds"),
        (dns.resolver.NoNameservers(), "refuse to answer"),
        (dns.exception.DNSException("odd"), "odd"),
        (OSError("network is unreachable"), "unreachable"),
    ],
)
def test_whatever_keeps_dns_from_answering_is_told(monkeypatch, error, words):
    """In plain words, and as no record."""

    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(dns.resolver.Resolver, "resolve", fail)
    answer = open_resolver("127.0.0.1", timeout=5.0)("a.example")
    assert words in answer.trouble
    assert answer.records == ()


def test_a_name_that_is_not_there_has_no_records(monkeypatch):
    """That is an answer, and no trouble."""

    def fail(*_args, **_options):
        raise dns.resolver.NXDOMAIN

    monkeypatch.setattr(dns.resolver.Resolver, "resolve", fail)
    answer = open_resolver("127.0.0.1")("a.example")
    assert (answer.records, answer.trouble) == ((), "")


@pytest.mark.parametrize(
    "error", [dns.resolver.NoResolverConfiguration("none"), dns.exception.DNSException("none")]
)
def test_a_computer_without_a_name_server_is_told(monkeypatch, error):
    """As trouble with each name, so that there is a sentence for each key."""

    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(dns.resolver.Resolver, "__init__", fail)
    assert open_resolver(None)("a.example").trouble


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 0),
        (["matches", "matches"], 0),
        (["matches", "missing"], 1),
        (["matches", "unavailable"], 3),
        (["unavailable", "revoked"], 1),
    ],
)
def test_what_is_wrong_for_certain_decides_the_exit_code(verdicts, code):
    """1 where a record is wrong, else 3 where DNS could not be asked."""
    assert exit_code(verdicts) == code
