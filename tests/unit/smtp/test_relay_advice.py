from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from notifier.model import Reply
from notifier.settings import RelaySettings
from notifier.smtp.certificate import Certificate, read_certificate
from notifier.smtp.envelope import read_capabilities
from notifier.smtp.relay_advice import advise, announced_limits
from notifier.smtp.transcript import Transcript

NOW = datetime(2027, 1, 15, tzinfo=UTC)
GOOD = "relay\nPIPELINING\nSMTPUTF8\nSIZE 20000000\nAUTH PLAIN"


def found(ehlo=GOOD, *, days=90, tls="TLSv1.3", mechanism="PLAIN"):
    """A trial session."""
    certificate = Certificate("relay", ("relay",), "CA", NOW, NOW + timedelta(days=days))
    return Transcript(
        "main",
        "relay.example",
        587,
        tls_version=tls,
        certificate=certificate if tls else None,
        capabilities=read_capabilities(Reply(250, "", ehlo)),
        is_signed_in=bool(mechanism),
        mechanism=mechanism,
    )


def advice(session, largest=10_000_000, **options):
    """What is said about it, in one text."""
    relay = RelaySettings(**{"name": "main", "host": "relay.example", **options})
    return " ".join(advise(session, relay, NOW, largest_message=largest))


def test_nothing_is_said_about_a_good_relay():
    """Advice is for where something can be better."""
    assert advice(found()) == ""


@pytest.mark.parametrize(
    ("session", "options", "told"),
    [
        (found(days=20), {}, "ends in 20 days"),
        (found(days=1), {}, "ends in 1 day:"),
        (found(days=-1), {}, "out of date"),
        (found(tls=""), {"tls": "none"}, "no TLS"),
        (found(), {"verify": False}, "not checked"),
        (found(mechanism="CRAM-MD5"), {}, "SCRAM-SHA-256"),
        (found(mechanism=""), {}, "no username"),
        (found("relay\nSMTPUTF8"), {}, "PIPELINING"),
        (found("relay\nPIPELINING"), {}, "SMTPUTF8"),
        (found(f"{GOOD}\nLIMITS MAILMAX=100"), {}, "max_messages_per_connection = 100"),
        (found(GOOD.replace("20000000", "5000000")), {}, "5000000 bytes"),
        (found(f"{GOOD}\nCHUNKING"), {}, 'chunking = "on"'),
    ],
)
def test_each_reason_has_its_sentence(session, options, told):
    """One each, and only then."""
    said = advice(session, **options)
    assert told in said


def test_what_the_relay_could_not_take_is_told():
    """In the words that a run has for it."""
    session = found()
    session.note = "It can't take whole messages in a row."
    assert session.note in advice(session)


@pytest.mark.parametrize("chunking", ["on", "off"])
def test_what_was_decided_is_not_advised(chunking):
    """Chunks without codes are the user's choice."""
    assert advice(found(f"{GOOD}\nCHUNKING"), chunking=chunking) == ""
    assert advice(found(f"{GOOD}\nCHUNKING\nENHANCEDSTATUSCODES")) == ""


def test_21_days_are_time_enough():
    """Under three weeks is warned of, not three weeks."""
    assert advice(found(days=21)) == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_this_computer_needs_no_tls(host):
    """The sandbox, or a relay beside us."""
    assert advice(found(tls=""), host=host, tls="none") == ""


def test_limits_are_read_as_announced():
    """RFC 9422: names with numbers; what is not one is passed over."""
    session = found("relay\nSIZE 100\nLIMITS RCPTMAX=20 MAILMAX=5 ODD=x NEW")
    assert announced_limits(session) == {"SIZE": 100, "RCPTMAX": 20, "MAILMAX": 5}
    assert announced_limits(found("relay")) == {}


def test_what_is_no_certificate():
    """Told as none."""
    assert read_certificate(b"nonsense") is None
