"""One message's envelope for one relay, and what is refused without asking it."""

from __future__ import annotations

import pytest

from notifier.model import Message
from notifier.smtp.envelope import Capabilities, address_message, at_most

LETTER = Message("office@school.example", "lan@parents.example", b"Subject: x\r\n\r\nx\r\n")


@pytest.mark.parametrize(
    ("announced", "known", "least"), [(0, 0, 0), (900, 0, 900), (0, 500, 500), (900, 500, 500)]
)
def test_the_least_limit_counts(announced, known, least):
    """What the relay announces, and what its settings say."""
    relay = at_most(Capabilities(largest_message=announced), known)
    assert relay.largest_message == least


def test_a_message_above_the_settings_limit_is_not_offered(make_wire):
    """The relay may have announced nothing at all."""
    wire = make_wire(largest_message=10)
    wire.hear(b"220 hi\r\n", b"250-relay.example\r\n250 PIPELINING\r\n")
    wire.words()
    refusal = wire.session.begin(LETTER)
    assert (refusal.code, refusal.enhanced) == (552, "5.3.4")
    assert wire.words() == ""
    assert wire.session.capabilities.largest_message == 0  # what it announced


def test_returned_mail_goes_where_the_relay_has_it_go(make_wire):
    """The message's own headers stay as they are."""
    wire = make_wire(envelope_from="returns@school.example")
    wire.hear(b"220 hi\r\n", b"250-relay.example\r\n250 PIPELINING\r\n")
    wire.words()
    assert wire.session.begin(LETTER) is None
    assert wire.words().startswith("MAIL FROM:<returns@school.example>\r\n")


def test_a_sender_of_the_relays_own_decides_whether_smtputf8_is_needed():
    """Not the one that it stands for."""
    letter = LETTER._replace(sender="phòng@school.example")
    assert address_message(letter, Capabilities()).code == 553
    mail, _rcpt = address_message(letter, Capabilities(), returns_to="returns@school.example")
    assert mail == b"MAIL FROM:<returns@school.example>\r\n"
