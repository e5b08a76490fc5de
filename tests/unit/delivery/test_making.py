from __future__ import annotations

import hashlib

import pytest

from notifier.delivery.making import Made, Order, make
from notifier.model import Message

HEAD = b"Subject: x\r\n\r\nhi\r\n"


def made(data, tail):
    """What becomes of a message of two pieces."""

    def assemble(_recipient, *, token, at):
        return Message("office@x.example", "p@x.example", data, tail=tail)

    order = Order(1, "t", "K", "p@x.example", "An", 2, "[{},{},[]]", 1.8e9)
    product = make(assemble, order)
    assert isinstance(product, Made)
    assert product.digest == hashlib.sha256(data + tail).hexdigest()
    return product.message


def test_a_clean_message_keeps_the_piece_that_it_shares():
    """The very object, so that thousands of messages have it once; the digest is of the whole."""
    tail = b"--b\r\nQUJD\r\n"
    message = made(HEAD, tail)
    assert message.tail is tail
    assert message.is_clean


@pytest.mark.parametrize(
    ("data", "tail"),
    [(HEAD, b".\r\n"), (HEAD, b"a\nb\r\n"), (b".x\r\n", b"a\r\n"), (HEAD, "é\r\n".encode())],
)
def test_what_needs_a_second_look_is_one_piece(data, tail):
    """Where dots are to be stuffed or lines refused, the message goes the way of all others."""
    message = made(data, tail)
    assert message.data == data + tail
    assert message.tail == b""
    assert not message.is_clean
