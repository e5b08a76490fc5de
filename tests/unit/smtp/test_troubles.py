from __future__ import annotations

import pytest

from notifier.model import Reply, Stage
from notifier.smtp import refusals, sign_in_troubles, troubles
from notifier.smtp.account import Account

ACCOUNT = Account("main-office", "relay.example", 587, username="office")
REPLY = Reply(550, "5.7.1", "no")


@pytest.mark.parametrize(
    "error",
    [
        troubles.refused(ACCOUNT, Stage.GREETING, REPLY),
        troubles.unreachable(ACCOUNT, "Connection refused"),
        troubles.out_of_place(ACCOUNT, Stage.MAIL, REPLY),
        troubles.starttls_refused(ACCOUNT, REPLY),
        troubles.handshake_failed(ACCOUNT, "EOF"),
        troubles.certificate_refused(ACCOUNT, "it is for another name", "Ask."),
        troubles.not_smtp(ACCOUNT, Stage.GREETING, "a line without end"),
        sign_in_troubles.sign_in_refused(ACCOUNT, REPLY),
        sign_in_troubles.sign_in_refused(ACCOUNT, REPLY, "invalid-proof"),
    ],
)
def test_a_message_is_a_sentence(error):
    """It ends with a full stop: the next step follows it in a line, or in a pause's reason."""
    assert error.message.endswith(".")
    assert not error.message.endswith("..")
    assert error.next_step.endswith((".", "?", "main-office"))


@pytest.mark.parametrize(
    ("text", "ended"), [("a", "a."), ("a. ", "a."), ("a?", "a?"), ("a!", "a!"), ("a…", "a…")]
)
def test_a_sentence_that_has_an_end_gets_no_other(text, ended):
    """Replies may bring their own."""
    assert troubles.ended(text) == ended


def test_a_variable_is_spelled_as_it_is_read():
    """A relay's name may have what a variable can't."""
    assert "NOTIFIER_RELAYS__MAIN_OFFICE__PASSWORD" in (
        sign_in_troubles.no_password(ACCOUNT).next_step
    )


def test_what_is_not_known_stays_as_it_is():
    """A relay's own word is better than none."""
    assert refusals.in_words("something-new") == "something-new"


@pytest.mark.parametrize(
    ("provider", "said", "told"),
    [
        ("microsoft365", "535 5.7.139 SmtpClientAuthentication is disabled", "Set-CASMailbox o "),
        ("microsoft365", "535 5.7.3 Authentication unsuccessful", "Add-MailboxPermission o "),
        ("google", "535 5.7.8 Username and Password not accepted", "https://mail.google.com/"),
        ("custom", "535 no", "username"),
    ],
)
def test_a_relay_that_refuses_a_good_token(provider, said, told):
    """What its administrator has to do, by what it said."""
    assert told in refusals.next_step(provider, said, "o")


def test_the_sandbox_is_to_be_started():
    """There is no [relays.sandbox] to look into."""
    sandbox = Account("sandbox", "127.0.0.1", 2525)
    assert "notifier sandbox" in troubles.unreachable(sandbox, "Connection refused").next_step
