from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.verdict import classify, judge
from notifier.model import Cause, Message, Outcome, Reply, Scope, Stage, State, Submission
from notifier.smtp.envelope import Capabilities, address_message


def _reply(text: str) -> Reply:
    code, _, rest = text.partition(" ")
    enhanced, _, words = rest.partition(" ")
    if enhanced.count(".") == 2 and enhanced[0] == code[0]:
        return Reply(int(code), enhanced, words)
    return Reply(int(code), "", rest)


def _judge(stage: Stage, text: str, **options) -> Outcome:
    return judge(Submission(stage, _reply(text)), **options)


R, M, RELAY = Scope.RECIPIENT, Scope.MESSAGE, Scope.RELAY
TABLE = [
    # the end of data decides
    (Stage.BODY, "250 2.0.0 Ok: queued as 4XyZ", State.ACCEPTED, M, Cause.ACCEPTED),
    (Stage.BODY, "252 fine", State.ACCEPTED, M, Cause.ACCEPTED),
    (Stage.BODY, "451 4.3.0 Temporary lookup failure", State.DEFERRED, M, Cause.SYSTEM_TROUBLE),
    (Stage.BODY, "451 4.3.0 queue file write error", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.BODY, "554 5.7.1 Spam message rejected", State.REFUSED, M, Cause.CONTENT_REFUSED),
    (Stage.BODY, "550 no", State.REFUSED, M, Cause.CONTENT_REFUSED),
    (Stage.BODY, "552 5.3.4 Message too big", State.REFUSED, M, Cause.TOO_LARGE),
    (Stage.BODY, "552 5.2.2 Over quota", State.REFUSED, M, Cause.MAILBOX_FULL),
    (Stage.BODY, "421 4.3.2 shutting down", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.BODY, "550 5.7.26 fails DMARC", State.REFUSED, M, Cause.UNAUTHENTICATED),
    # at RCPT the recipient is meant
    (Stage.RCPT, "550 5.1.1 User unknown", State.REFUSED, R, Cause.NO_SUCH_MAILBOX),
    (Stage.RCPT, "550 no", State.REFUSED, R, Cause.NO_SUCH_MAILBOX),
    (Stage.RCPT, "550 5.2.1 disabled", State.REFUSED, R, Cause.MAILBOX_DISABLED),
    (Stage.RCPT, "501 5.1.3 Bad recipient address syntax", State.REFUSED, R, Cause.BAD_ADDRESS),
    (Stage.RCPT, "550 5.1.2 Host not found", State.REFUSED, R, Cause.DOMAIN_NOT_FOUND),
    (Stage.RCPT, "556 5.1.10 null MX", State.REFUSED, R, Cause.DOMAIN_NOT_FOUND),
    (Stage.RCPT, "450 4.2.0 Greylisted, see http://postgrey", State.DEFERRED, R, Cause.GREYLISTED),
    (Stage.RCPT, "451 4.7.1 Try again in 300 seconds", State.DEFERRED, R, Cause.GREYLISTED),
    (Stage.RCPT, "452 4.2.2 Mailbox full", State.DEFERRED, R, Cause.MAILBOX_FULL),
    (
        Stage.RCPT,
        "450 4.4.1 connect to x: Connection timed out",
        State.DEFERRED,
        R,
        Cause.UNREACHABLE,
    ),
    (Stage.MAIL, "552 no", State.REFUSED, M, Cause.TOO_LARGE),
    (Stage.MAIL, "553 no", State.PENDING, RELAY, Cause.SENDER_REFUSED),
    (Stage.RCPT, "450 4.1.2 Host unknown", State.DEFERRED, R, Cause.DOMAIN_NOT_FOUND),
    (
        Stage.RCPT,
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly.",
        State.DEFERRED,
        R,
        Cause.RATE_LIMITED,
    ),
    # the session's trouble, whatever the step
    (Stage.GREETING, "421 4.7.0 Try again later", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.GREETING, "554 no service for you", State.PENDING, RELAY, Cause.BLOCKED),
    (Stage.EHLO, "550 Rejected", State.PENDING, RELAY, Cause.BLOCKED),
    (Stage.STARTTLS, "454 4.7.0 TLS not available", State.PENDING, RELAY, Cause.TLS),
    (Stage.AUTH, "535 5.7.8 no", State.PENDING, RELAY, Cause.AUTHENTICATION),
    (Stage.AUTH, "535 5.7.0 refused", State.PENDING, RELAY, Cause.AUTHENTICATION),
    (Stage.AUTH, "454 4.7.0 Temporary failure", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.MAIL, "530 5.7.0 Must issue a STARTTLS command first", State.PENDING, RELAY, Cause.TLS),
    (Stage.MAIL, "530 5.7.57 not authenticated", State.PENDING, RELAY, Cause.AUTHENTICATION),
    (Stage.RCPT, "530 Authentication required", State.PENDING, RELAY, Cause.AUTHENTICATION),
    (Stage.MAIL, "452 4.3.1 Insufficient storage", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.MAIL, "451 4.3.0 Try again", State.PENDING, RELAY, Cause.SYSTEM_TROUBLE),
    (Stage.MAIL, "550 5.7.1 no", State.PENDING, RELAY, Cause.BLOCKED),
    (Stage.MAIL, "553 5.7.1 Sender address rejected", State.PENDING, RELAY, Cause.SENDER_REFUSED),
    (Stage.MAIL, "550 no", State.PENDING, RELAY, Cause.SENDER_REFUSED),
    (Stage.MAIL, "552 5.3.4 too large", State.REFUSED, M, Cause.TOO_LARGE),
    (Stage.MAIL, "550 5.6.7 SMTPUTF8 required", State.REFUSED, M, Cause.SMTPUTF8_NEEDED),
    (Stage.RCPT, "553 5.6.7 non-ASCII", State.REFUSED, M, Cause.SMTPUTF8_NEEDED),
    (Stage.MAIL, "554 5.6.3 8-bit text", State.REFUSED, M, Cause.MALFORMED),
    (Stage.RCPT, "503 5.5.1 bad sequence", State.PENDING, RELAY, Cause.OTHER),
    (Stage.DATA, "250 what?", State.PENDING, RELAY, Cause.NOT_SMTP),
    # the account's limits
    (
        Stage.BODY,
        "550 5.4.5 Daily user sending quota exceeded.",
        State.PENDING,
        RELAY,
        Cause.QUOTA_SPENT,
    ),
    (
        Stage.BODY,
        "554 5.2.0 SubmissionQuotaExceeded; sender exceeded its submission quota",
        State.PENDING,
        RELAY,
        Cause.QUOTA_SPENT,
    ),
    (
        Stage.MAIL,
        "550 5.1.90 Your message can't be sent because you've reached your daily limit",
        State.PENDING,
        RELAY,
        Cause.QUOTA_SPENT,
    ),
    (
        Stage.BODY,
        "454 4.7.0 Throttling failure: Maximum sending rate exceeded.",
        State.PENDING,
        RELAY,
        Cause.RATE_LIMITED,
    ),
    (
        Stage.BODY,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
        State.PENDING,
        RELAY,
        Cause.SYSTEM_TROUBLE,
    ),
    (
        Stage.GREETING,
        "421 4.7.0 too many connections from you",
        State.PENDING,
        RELAY,
        Cause.RATE_LIMITED,
    ),
]


@pytest.mark.parametrize(("stage", "text", "state", "scope", "cause"), TABLE)
def test_each_reply_is_judged_by_its_words_codes_and_step(stage, text, state, scope, cause):
    """The table of replies as relays really give them, and what each means."""
    found = _judge(stage, text)
    assert (found.state, found.scope, found.cause) == (state, scope, cause)


@pytest.mark.parametrize(
    "text",
    [
        "554 5.7.1 <a@b.example>: Relay access denied",
        "553 5.7.1 <office@school.example>: Sender address rejected: not owned by user",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using a list",
    ],
)
def test_what_is_against_us_stops_the_run_until_the_relay_has_taken_something(text):
    """At RCPT such words are the relay's; once it has taken a message they are the recipient's."""
    assert _judge(Stage.RCPT, text).state is State.PENDING
    narrowed = _judge(Stage.RCPT, text, is_proven=True)
    assert (narrowed.state, narrowed.scope) == (State.REFUSED, Scope.RECIPIENT)


def test_a_wait_that_is_asked_for_travels_with_the_outcome():
    """For what will be tried again, and for nothing else."""
    assert _judge(Stage.RCPT, "451 4.7.1 Greylisted, try again in 300 seconds").wait == 300
    assert _judge(Stage.RCPT, "451 4.7.1 Greylisted").wait is None
    assert _judge(Stage.RCPT, "550 5.1.1 User unknown, try again in 300 seconds").wait is None


@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.BODY])
@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.501 Access denied, spam abuse detected",
        "554 Sending suspended for this account",
        "550 5.4.5 Daily user sending limit exceeded",
    ],
)
def test_an_account_that_may_not_send_stops_the_run(stage, text):
    """Nobody's attempt is burnt for it, whoever was to get the message, and however far it was."""
    for is_proven in (False, True):
        assert _judge(stage, text, is_proven=is_proven).state is State.PENDING


@pytest.mark.parametrize(
    "text",
    [
        "552 Mailbox message limit exceeded",
        "552 5.2.2 The recipient's daily quota is used up",
        "550 5.7.1 This group requires authorization",
        "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required",
        "550 Recipient domain not found",
        "550 5.1.1 user unknown, your account of this is right",
    ],
)
def test_one_recipients_trouble_does_not_stop_the_run(text):
    """Words that look like the account's or the relay's, but are said of one mailbox."""
    assert _judge(Stage.RCPT, text).state is State.REFUSED


SAID = [
    ("452 4.2.2 The email account that you tried to reach is over quota.", Cause.MAILBOX_FULL),
    ("550 5.7.26 Unauthenticated email is not accepted: DMARC policy.", Cause.UNAUTHENTICATED),
    ("421 4.7.28 An unusual rate of unsolicited mail from your IP", Cause.RATE_LIMITED),
    ("550 5.7.60 Client does not have permissions to send as this", Cause.SENDER_REFUSED),
    ("550 5.7.708 Access denied, traffic not accepted from this IP", Cause.BLOCKED),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", Cause.NO_SUCH_MAILBOX),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(2018)", Cause.NO_SUCH_MAILBOX),
    ("451 4.7.500 Server busy. Please try again later", Cause.SYSTEM_TROUBLE),
    ("550 5.7.1 Unable to relay", Cause.RELAY_DENIED),
    ("550 relay not permitted", Cause.RELAY_DENIED),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts", Cause.RELAY_DENIED),
    ("503 5.5.4 Error: send AUTH command first", Cause.AUTHENTICATION),
    ("550 Unrouteable address", Cause.NO_SUCH_MAILBOX),
    ("550 Sender verify failed", Cause.SENDER_REFUSED),
    ("554 5.7.1 <a@b.example>: Sender address rejected: Access denied", Cause.SENDER_REFUSED),
    ("450 4.1.1 Recipient address rejected: unverified address", Cause.NO_SUCH_MAILBOX),
    ("552 5.2.3 Your message exceeded our message size limits", Cause.TOO_LARGE),
    ("554 5.7.1 Message rejected under suspicion of SPAM", Cause.CONTENT_REFUSED),
    ("451 4.7.1 Greylisting in action, please come back in 00:04:59", Cause.GREYLISTED),
    ("450 4.7.1 Client host rejected: cannot find your hostname", Cause.BLOCKED),
    ("554 Message rejected: Email address is not verified.", Cause.RELAY_DENIED),
    ("454 Throttling failure: Daily message quota exceeded.", Cause.QUOTA_SPENT),
    ("550 5.4.6 Unusual sending activity detected", Cause.RATE_LIMITED),
    ("550 mailbox unavailable", Cause.NO_SUCH_MAILBOX),
    ("421 4.4.2 Error: timeout exceeded", Cause.SYSTEM_TROUBLE),
    ("550 5.1.1 The email account that you tried to reach does not exist", Cause.NO_SUCH_MAILBOX),
    ("552 5.7.0 blocked because its content presents a security issue", Cause.ATTACHMENT_REFUSED),
    ("535 5.7.3 Authentication unsuccessful", Cause.AUTHENTICATION),
    ("550 5.7.1 Rejected by local policy", Cause.BLOCKED),
    ("511 5.1.1 unknown address", Cause.NO_SUCH_MAILBOX),
]


@pytest.mark.parametrize(("text", "cause"), SAID)
def test_knows_what_common_servers_say(text, cause):
    """Replies of Gmail, Microsoft 365, SES, Postfix, Exim, qmail and others, at RCPT."""
    assert _judge(Stage.RCPT, text).cause is cause


@pytest.mark.parametrize(
    ("message", "is_offered", "cause"),
    [
        (Message("a@b.example", "c@d.example", b"x" * 100), True, Cause.TOO_LARGE),
        (Message("a@b.example", "đ@d.example", b"x"), False, Cause.SMTPUTF8_NEEDED),
        (Message("a@b.example", "c@d.example", b"\xff"), False, Cause.MALFORMED),
    ],
)
def test_what_our_own_client_refuses_is_the_message_s(message, is_offered, cause):
    """What a relay is known not to take is refused without asking it: for that message alone."""
    relay = Capabilities(has_8bitmime=is_offered, has_smtputf8=is_offered, largest_message=50)
    reply = address_message(message, relay)
    assert isinstance(reply, Reply)
    assert judge(Submission(Stage.MAIL, reply)) == Outcome(State.REFUSED, M, cause)


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize(
    "text",
    ["421 4.3.2 closing", "550 5.4.5 Daily sending quota exceeded", "535 5.7.8 no", "503 what"],
)
def test_a_proven_relay_can_still_be_in_trouble(stage, text):
    """Closing, quotas and sign-in stay the relay's, whatever it has taken before."""
    assert _judge(stage, text, is_proven=True).scope is Scope.RELAY


@pytest.mark.parametrize("stage", [Stage.BODY, Stage.DATA])
def test_in_doubt_is_unknown(stage):
    """A message whose last byte may have left without a reply is in doubt, never refused."""
    outcome = judge(Submission(stage, None, "connection reset", in_doubt=True))
    assert outcome == Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.LINK_LOST)
    assert outcome.burns_attempt


@pytest.mark.parametrize("code", [354, 334])
def test_an_answer_that_fits_nothing_leaves_the_message_in_doubt(code):
    """Only 2yz accepts; 3yz to the end of data may mean anything."""
    outcome = judge(Submission(Stage.BODY, Reply(code, "", "go on")))
    assert outcome == Outcome(State.UNKNOWN, Scope.MESSAGE, Cause.NOT_SMTP)


@pytest.mark.parametrize(
    ("stage", "cause"),
    [
        (Stage.CONNECT, Cause.LINK_LOST),
        (Stage.GREETING, Cause.LINK_LOST),
        (Stage.TLS, Cause.TLS),
        (Stage.RCPT, Cause.LINK_LOST),
        (Stage.DATA, Cause.LINK_LOST),
    ],
)
def test_a_lost_link_burns_nobody(stage, cause):
    """Without a reply, and before the message could arrive, the delivery is given back."""
    outcome = judge(Submission(stage, None, "connection reset"))
    assert outcome == Outcome(State.PENDING, Scope.RELAY, cause)
    assert not outcome.burns_attempt


def test_a_message_that_could_not_be_made_is_refused():
    """What failed before any session is the message's, for good."""
    outcome = judge(Submission(Stage.ASSEMBLE, None, "no subject"))
    assert outcome == Outcome(State.REFUSED, Scope.MESSAGE, Cause.RENDER_FAILED)


replies = st.builds(
    Reply,
    code=st.integers(200, 599),
    enhanced=st.one_of(
        st.just(""), st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True)
    ),
    text=st.one_of(
        st.text(max_size=200),
        st.sampled_from([row[1] for row in TABLE]),
    ),
)


@given(st.sampled_from(Stage), st.one_of(st.none(), replies), st.booleans(), st.booleans())
def test_every_submission_has_a_true_outcome(stage, reply, in_doubt, is_proven):
    """Only 2yz accepts, only 5yz refuses, only 4yz defers, the relay's trouble gives back."""
    submission = Submission(stage, reply, "" if reply else "lost", in_doubt)
    outcome = judge(submission, is_proven=is_proven)
    accepts = reply is not None and stage is Stage.BODY and reply.code < 300
    assert (outcome.state is State.ACCEPTED) is accepts
    if outcome.state is State.REFUSED and stage is not Stage.ASSEMBLE:
        assert reply.is_permanent
    if outcome.state is State.DEFERRED:
        assert reply.is_transient
        assert outcome.burns_attempt
    assert (outcome.scope is Scope.RELAY) is (outcome.state is State.PENDING)
    if in_doubt and not accepts:
        assert outcome.state is State.UNKNOWN


def test_hostile_text_costs_little():
    """A relay can't stall us by a long or adversarial text: 20 of them take under a second."""
    hostile = Reply(550, "", "user " * 20_000 + "exceeded the " * 20_000)
    begin = time.perf_counter()
    for _ in range(20):
        classify(hostile, Stage.RCPT)
    assert time.perf_counter() - begin < 1.0
