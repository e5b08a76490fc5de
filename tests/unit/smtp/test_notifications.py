"""Asking for notifications (RFC 3461): only where the relay offers it, in words that it knows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.model import Message
from notifier.relays import RelaySettings
from notifier.smtp.account import Account
from notifier.smtp.notifications import of_envelope, original_recipient, xtext

EHLO = b"250-relay.example\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-8BITMIME\r\n250 DSN\r\n"
LETTER = Message("office@school.example", "lan+1@parents.example", b"Subject: hi\r\n\r\nHi\r\n")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("lan@parents.example", "lan@parents.example"),
        ("a+b=c", "a+2Bb+3Dc"),
        ('"a b"@c', '"a+20b"@c'),
    ],
)
def test_xtext(text, encoded):
    """RFC 3461 section 4: plus, equals sign and what can't be seen, in hexadecimal."""
    assert xtext(text) == encoded


@given(st.text(st.characters(min_codepoint=0, max_codepoint=127)))
def test_xtext_can_be_undone_and_ends_no_parameter(text):
    """Whatever the text."""
    encoded = xtext(text)
    assert re.fullmatch(r"[!-~]*", encoded)
    assert "=" not in encoded
    assert re.sub(r"\+([0-9A-F]{2})", lambda it: chr(int(it[1], 16)), encoded) == text


@given(st.text(min_size=1).filter(lambda text: not text.isascii()))
def test_addresses_beyond_ascii_can_be_undone_and_end_no_parameter(address):
    """RFC 6533 section 3: utf-8-addr-xtext."""
    kind, _sign, encoded = original_recipient(address).partition(";")
    assert kind == "utf-8"
    assert re.fullmatch(r"[!-~]*", encoded)
    assert not re.search("[+=]", encoded)
    assert re.sub(r"\\x\{([0-9A-F]+)\}", lambda it: chr(int(it[1], 16)), encoded) == address


def test_the_type_of_an_address():
    """rfc822 as long as it is ASCII."""
    assert original_recipient("lan@parents.example") == "rfc822;lan@parents.example"
    assert original_recipient("lọn@parents.example") == r"utf-8;l\x{1ECD}n@parents.example"


@pytest.mark.parametrize("envelope_id", ["", "x" * 101, "é"])
def test_an_id_that_can_t_stand_there_is_left_out(envelope_id):
    """RFC 3461 section 4.4: a hundred characters, ASCII."""
    assert of_envelope(envelope_id) == b" RET=HDRS"


@pytest.fixture
def make_ready(make_wire):
    """A wire whose relay offers DSN, or does not."""

    def make(ehlo=EHLO, **account):
        wire = make_wire(**account)
        wire.hear(b"220 hi\r\n", ehlo)
        wire.words()
        return wire

    return make


def test_wishes_travel_where_the_relay_offers_to_heed_them(make_ready):
    """ENVID is the id of the delivery, ORCPT the address as it was written down."""
    wire = make_ready(notify="FAILURE")
    wire.session.begin(LETTER, "token123")
    assert wire.words() == (
        "MAIL FROM:<office@school.example> RET=HDRS ENVID=token123\r\n"
        "RCPT TO:<lan+1@parents.example> NOTIFY=FAILURE ORCPT=rfc822;lan+2B1@parents.example\r\n"
        "DATA\r\n"
    )


def test_whole_messages_have_them_as_well(make_ready):
    """The same envelope before BDAT."""
    ehlo = EHLO.replace(b"250 DSN", b"250-CHUNKING\r\n250 DSN")
    wire = make_ready(ehlo, notify="FAILURE,DELAY", chunking="on")
    wire.session.begin_whole(LETTER, "token123")
    words = wire.words()
    assert "ENVID=token123\r\n" in words
    assert "NOTIFY=FAILURE,DELAY ORCPT=" in words


def test_with_smtputf8_the_address_is_still_written_in_ascii(make_ready):
    """The form that any relay can pass on."""
    wire = make_ready(notify="FAILURE")
    wire.session.begin(Message("office@school.example", "lọn@parents.example", LETTER.data))
    words = wire.words()
    assert " SMTPUTF8\r\n" in words
    assert r"ORCPT=utf-8;l\x{1ECD}n@parents.example" in words


@pytest.mark.parametrize(
    ("ehlo", "notify"), [(EHLO, ""), (EHLO.replace(b"DSN", b"SIZE"), "FAILURE")]
)
def test_nothing_is_said_where_it_isn_t_wanted_or_offered(make_ready, ehlo, notify):
    """A relay that does not know the words would refuse the message."""
    wire = make_ready(ehlo, notify=notify)
    wire.session.begin(LETTER, "token123")
    words = wire.words()
    assert not re.search("RET|ENVID|NOTIFY|ORCPT", words)


@pytest.mark.parametrize(
    ("written", "notify"),
    [
        (None, "FAILURE"),
        ("failure", "FAILURE"),
        ("delay, Failure", "FAILURE,DELAY"),
        (["success", "failure", "delay"], "SUCCESS,FAILURE,DELAY"),
        ("never", "NEVER"),
        ("off", ""),
    ],
)
def test_the_setting(written, notify):
    """Words with commas, or a list; FAILURE unless told otherwise."""
    options = {} if written is None else {"dsn": written}
    assert Account.of(RelaySettings(host="relay.example", **options)).notify == notify


@pytest.mark.parametrize("written", ["", "never,failure", "bounces", 5, ["failure", 1]])
def test_a_setting_that_means_nothing(written):
    """Is told, not passed over."""
    with pytest.raises(ValueError, match="expected"):
        RelaySettings(host="relay.example", dsn=written)
