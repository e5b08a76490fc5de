from __future__ import annotations

from random import Random

import pytest

from notifier.errors import (
    AuthenticationError,
    RelayProtocolError,
    RelayRefused,
    RelayUnreachable,
    TlsError,
)
from notifier.model import Reply, Stage
from notifier.smtp.redial import Redial, may_pass


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (RelayUnreachable, None, True),
        (RelayRefused, 421, True),
        (RelayRefused, 450, True),
        (RelayRefused, 554, False),
        (AuthenticationError, 454, True),
        (AuthenticationError, 535, False),
        (AuthenticationError, None, False),
        (TlsError, None, False),
        (TlsError, 454, True),
        (RelayProtocolError, None, False),
    ],
)
def test_knows_what_may_pass(error, code, expected):
    """Silence and 4yz may pass; a wrong password, a bad certificate and 5yz won't."""
    reply = None if code is None else Reply(code, "", "x")
    assert may_pass(error("x", stage=Stage.CONNECT, reply=reply)) is expected


def test_waits_longer_each_time_and_gives_up():
    """The waits double up to the longest, between a half and the whole of each; then None."""
    redial = Redial(5, Random(1), first=1.0, longest=3.0)
    error = RelayUnreachable("x", stage=Stage.CONNECT)
    waits = [redial.wait(error, attempt) for attempt in range(1, 6)]
    for wait, top in zip(waits, [1.0, 2.0, 3.0, 3.0], strict=False):
        assert top / 2 <= wait <= top
    assert waits[4] is None


def test_one_attempt_is_one():
    """Without further attempts there is no wait."""
    error = RelayUnreachable("x", stage=Stage.CONNECT)
    assert Redial(1, Random(1)).wait(error, 1) is None
