# ruff: noqa: PLR0917 - what a test asks for are its fixtures
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import (
    LocalProtocolError,
    RelayProtocolError,
    RelayRefused,
)
from notifier.model import Message, Reply, Stage, Submission
from notifier.smtp.account import Account
from notifier.smtp.protocol import Session
from notifier.smtp.transitions import STEPS, Awaited, Decided, Failed, Phase, Signal

OK = b"250 2.0.0 Ok\r\n"
ENVELOPE_OK = b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n"
DATA = b"Subject: hello\r\n\r\nHello\r\n"


def letter(number=1, data=DATA, **fields):
    """A message to the n-th parent."""
    return Message("office@school.example", f"parent{number}@parents.example", data, **fields)


def envelope(number=1, data=DATA):
    """What is said for it, pipelined."""
    return (
        f"MAIL FROM:<office@school.example> SIZE={len(data)}\r\n"
        f"RCPT TO:<parent{number}@parents.example>\r\nDATA\r\n"
    )


# --- messages --------------------------------------------------------------------------------


def test_pipelines_the_next_envelope_behind_the_body(make_wire):
    """One write and one read a message; each reply goes to the message that it is about."""
    wire = make_wire(ready=True)
    session = wire.session
    session.begin(letter(1))
    assert wire.words() == envelope(1)
    assert wire.hear(ENVELOPE_OK) == [Signal.GO_AHEAD]
    wire.send_body()
    session.begin(letter(2))
    assert not session.can_begin
    assert wire.words() == DATA.decode() + ".\r\n" + envelope(2)
    events = wire.hear(b"250 2.0.0 queued as 1\r\n" + ENVELOPE_OK)
    assert events == [
        Decided(Submission(Stage.BODY, Reply(250, "2.0.0", "queued as 1"))),
        Signal.GO_AHEAD,
    ]


@pytest.mark.parametrize(
    "said",
    [
        b"250 2.0.0 queued\r\n" + ENVELOPE_OK,
        b"250-2.0.0 queued\r\n250 2.0.0 as 1\r\n" + ENVELOPE_OK,
        b"451 4.3.0 later\r\n" + ENVELOPE_OK,
        b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n",
        b"250 ok\r\n" + ENVELOPE_OK + b"421 bye\r\n",
        b"250 ok\r\n" + ENVELOPE_OK + b"garbage\r\n",
        b"250 ok\r\n250 ok\r\n250 ok\r\n250 not 354\r\n",
    ],
)
def test_the_short_way_is_the_table_at_once(said):
    """What a contented relay says is taken in one step, with what four steps would have done."""
    account = Account("main", "relay.example", 25, tls="none")
    ends = []
    for trace in (None, lambda _who, _line: None):
        session = Session(account, "client.example", trace=trace)
        session.receive(b"220 hi\r\n")
        session.receive(b"250-r\r\n250 PIPELINING\r\n")
        session.begin(letter(1))
        session.receive(ENVELOPE_OK)
        session.start_body()
        session.end_body()
        session.begin(letter(2))
        session.take_output()
        events = [str(event) for event in session.receive(said)]
        left = session.abandon(RelayRefused("x", stage=Stage.QUIT))
        ends.append((events, left, session.heard, session.take_output()))
    assert ends[0] == ends[1]


def test_goes_step_by_step_without_pipelining(make_wire):
    """Each command waits for the reply to the one before."""
    wire = make_wire(ready=True, pipelining=False)
    wire.session.begin(letter())
    steps = []
    for said in (b"250 ok\r\n", b"250 ok\r\n"):
        steps.append(wire.words())
        wire.hear(said)
    steps.append(wire.words())
    assert [step.split(" ")[0].strip() for step in steps] == ["MAIL", "RCPT", "DATA"]
    assert wire.hear(b"354 go\r\n") == [Signal.GO_AHEAD]
    wire.send_body()
    assert not wire.session.can_begin
    wire.hear(OK)
    assert wire.submissions == [Submission(Stage.BODY, Reply(250, "2.0.0", "Ok"))]
    assert wire.session.can_begin


def test_the_settings_can_forbid_pipelining(make_wire):
    """Some relays offer what they can't do."""
    wire = make_wire(pipelining=True)
    wire = make_wire()
    wire.session = Session(
        Account("main", "relay.example", 25, tls="none", pipelining=False), "client.example"
    )
    wire.hear(b"220 hi\r\n", b"250-r\r\n250 PIPELINING\r\n")
    wire.words()
    wire.session.begin(letter())
    assert wire.words() == "MAIL FROM:<office@school.example>\r\n"


#: Replies to a pipelined envelope, the stage and code that decide, and whether RSET must follow.
REFUSALS = [
    (b"550 5.7.1 a\r\n503 b\r\n503 c\r\n", Stage.MAIL, 550, False),
    (b"250 a\r\n550 5.1.1 b\r\n554 c\r\n", Stage.RCPT, 550, True),
    (b"250 a\r\n450 4.2.1 b\r\n503 c\r\n", Stage.RCPT, 450, True),
    (b"250 a\r\n250 b\r\n451 4.3.0 c\r\n", Stage.DATA, 451, True),
    (b"452 a\r\n250 b\r\n503 c\r\n", Stage.MAIL, 452, False),
]


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(("said", "stage", "code", "resets"), REFUSALS)
def test_the_earliest_refusal_decides(make_wire, said, stage, code, resets, size):
    """RCPT's reply beats DATA's; an open transaction is reset before the next one."""
    wire = make_wire(ready=True, size=size)
    wire.session.begin(letter())
    wire.words()
    wire.hear(said)
    assert [(found.stage, found.reply.code) for found in wire.submissions] == [(stage, code)]
    wire.session.begin(letter(2))
    assert wire.words() == ("RSET\r\n" if resets else "") + envelope(2)
    wire.hear((OK if resets else b"") + ENVELOPE_OK)
    assert wire.events[-1] is Signal.GO_AHEAD


@pytest.mark.parametrize(("said", "stage", "code", "resets"), REFUSALS[:4])
def test_refusals_without_pipelining(make_wire, said, stage, code, resets):
    """Nothing is sent behind a refusal, but RSET with the next message."""
    wire = make_wire(ready=True, pipelining=False)
    wire.session.begin(letter())
    for line in said.splitlines(keepends=True):
        if not wire.submissions:
            wire.hear(line)
    assert [(found.stage, found.reply.code) for found in wire.submissions] == [(stage, code)]
    wire.words()
    wire.session.begin(letter(2))
    assert wire.words() == ("RSET\r\n" if resets else "MAIL FROM:<office@school.example>\r\n")


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize(
    "answer", [b"554 no valid recipients\r\n", b"250 queued\r\n", b"451 x\r\n"]
)
def test_a_refused_recipient_gets_no_body(make_wire, answer, size):
    """354 after a refused RCPT: a lone dot, whose answer changes nothing (RFC 2920)."""
    wire = make_wire(ready=True, size=size)
    wire.session.begin(letter())
    wire.words()
    assert wire.hear(b"250 ok\r\n550 5.1.1 nobody\r\n354 go\r\n") == []
    assert wire.words() == ".\r\n"
    wire.hear(answer)
    assert [str(found.reply) for found in wire.submissions] == ["550 5.1.1 nobody"]
    assert wire.session.can_begin


def test_a_refused_body_does_not_touch_the_next_envelope(make_wire):
    """The next message's replies are its own."""
    wire = make_wire(ready=True)
    wire.session.begin(letter(1))
    wire.hear(ENVELOPE_OK)
    wire.send_body()
    wire.session.begin(letter(2))
    wire.words()
    wire.hear(b"554 5.6.0 spam\r\n250 a\r\n550 5.1.1 nobody\r\n554 none\r\n")
    assert [(found.stage, found.reply.enhanced) for found in wire.submissions] == [
        (Stage.BODY, "5.6.0"),
        (Stage.RCPT, "5.1.1"),
    ]


def fates(wire):
    """What became of each message: stage, code, in doubt."""
    return [
        (found.stage, found.reply.code if found.reply else None, found.in_doubt)
        for found in (*wire.submissions, *wire.session.abandon(wire.error))
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"421 bye\r\n", [(Stage.BODY, 421, False), (Stage.MAIL, 421, False)]),
        (b"250 ok\r\n421 bye\r\n", [(Stage.BODY, 250, False), (Stage.MAIL, 421, False)]),
        (b"250 ok\r\n250 ok\r\n421 x\r\n", [(Stage.BODY, 250, False), (Stage.RCPT, 421, False)]),
        (b"garbage\r\n", [(Stage.BODY, None, True), (Stage.MAIL, None, False)]),
        (b"354 what\r\n", [(Stage.BODY, 354, True), (Stage.MAIL, None, False)]),
        (
            b"250 ok\r\n250 ok\r\n550 no\r\ngarbage\r\n",
            [(Stage.BODY, 250, False), (Stage.RCPT, 550, False)],
        ),
        (
            b"250 ok\r\n250 ok\r\n250 ok\r\n250 not 354\r\n",
            [(Stage.BODY, 250, False), (Stage.DATA, None, False)],
        ),
        (
            b"250 ok\r\n" + ENVELOPE_OK + b"421 idle\r\n",
            [(Stage.BODY, 250, False), (Stage.BODY, 421, False)],
        ),
    ],
)
def test_every_message_has_one_fate(make_wire, said, expected):
    """When the session ends, each message is told once what became of it, and by what."""
    wire = make_wire(ready=True)
    wire.session.begin(letter(1))
    wire.hear(ENVELOPE_OK)
    wire.send_body()
    wire.session.begin(letter(2))
    wire.hear(said)
    assert fates(wire) == expected
    assert wire.session.abandon(wire.error) == []


@pytest.mark.parametrize("said", [b"250 ok\r\n", b"250 a\r\n250 b\r\n"])
def test_only_an_answer_to_the_body_accepts(make_wire, said):
    """A 2yz that comes before the body has left, or instead of 354, accepts nothing."""
    wire = make_wire(ready=True)
    wire.session.begin(letter())
    wire.hear(ENVELOPE_OK, said)
    assert isinstance(wire.error, RelayProtocolError)
    assert fates(wire) == [(Stage.BODY, None, False)]


def test_nothing_is_in_doubt_before_the_end_of_the_body(make_wire):
    """A body that was begun and not ended can't have been taken."""
    wire = make_wire(ready=True)
    wire.session.begin(letter())
    wire.hear(ENVELOPE_OK)
    wire.session.start_body()
    wire.hear(b"552 5.3.4 too large already\r\n")
    assert isinstance(wire.error, RelayRefused)
    assert fates(wire) == [(Stage.BODY, 552, False)]


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        (letter(data=b"x" * 100_001), "552 5.3.4"),
        (letter(needs_smtputf8=True), "553 5.6.7"),
        (Message("a@school.example", "phụ@x.example", DATA), "553 5.6.7"),
        (letter(data="Chào\r\n".encode()), "554 5.6.3"),
        (letter(is_8bit=True), "554 5.6.3"),
    ],
)
def test_what_the_relay_is_known_to_refuse_is_not_sent(make_wire, message, refusal):
    """Its announced capabilities are its word: no round trip, and the connection goes on."""
    wire = make_wire()
    wire.hear(b"220 hi\r\n", b"250-r\r\n250-SIZE 100000\r\n250 PIPELINING\r\n")
    wire.words()
    assert str(wire.session.begin(message)).startswith(refusal)
    assert wire.words() == ""
    assert wire.session.begin(letter()) is None


@pytest.mark.parametrize("size", ["", "0", "x", "9" * 30, "²"])
def test_odd_sizes_limit_nothing(make_wire, size):
    """RFC 1870: SIZE may come without a number, and 0 means that there is no fixed limit."""
    wire = make_wire()
    wire.hear(b"220 hi\r\n", f"250-r\r\n250 SIZE {size}\r\n".encode())
    assert wire.session.capabilities.largest_message == 0
    assert wire.session.begin(letter()) is None


@pytest.mark.parametrize(
    "message",
    [
        letter(data=b"a\nb\r\n"),
        Message("a@x.example", "b@x.example\r\nRCPT TO:<c@x.example>", DATA),
        Message("a@x.example>\r\n", "b@x.example", DATA),
    ],
)
def test_refuses_messages_that_must_not_leave(make_wire, message):
    """Bare line ends and broken addresses raise before anything is said."""
    wire = make_wire(ready=True)
    with pytest.raises(LocalProtocolError):
        wire.session.begin(message)
    assert wire.words() == ""
    assert wire.session.can_begin


def test_asks_for_letters_beyond_ascii(make_wire):
    """RFC 6531: SMTPUTF8 with MAIL, where the relay offers it."""
    wire = make_wire(ready=True)
    wire.session.begin(Message("a@school.example", "phụ@x.example", "é\r\n".encode()))
    assert wire.words().startswith("MAIL FROM:<a@school.example> SIZE=4 BODY=8BITMIME SMTPUTF8\r\n")


def test_takes_leave(make_wire):
    """QUIT, and whatever is answered, the session is over."""
    wire = make_wire(ready=True)
    wire.session.quit()
    assert wire.words() == "QUIT\r\n"
    assert wire.hear(b"221 bye\r\n") == [Signal.GOODBYE]
    assert wire.session.phase is Phase.CLOSED


def test_misuse_is_our_own_bug(make_wire):
    """Steps out of order raise LocalProtocolError, never a relay's error."""
    wire = make_wire()
    for misuse in (
        lambda: wire.session.begin(letter()),
        wire.session.start_body,
        wire.session.quit,
        wire.session.secured,
    ):
        with pytest.raises(LocalProtocolError):
            misuse()
    wire = make_wire(ready=True)
    wire.session.begin(letter())
    with pytest.raises(LocalProtocolError):
        wire.session.quit()
    with pytest.raises(LocalProtocolError):
        wire.session.begin(letter(2))


def test_noop_changes_nothing(make_wire):
    """A sign of life, asked for and given."""
    wire = make_wire(ready=True)
    wire.session.noop()
    assert wire.words() == "NOOP\r\n"
    assert wire.hear(b"250 ok\r\n") == []
    assert wire.session.can_begin


def test_an_unasked_421_ends_an_idle_session(make_wire):
    """A relay may close what is idle (RFC 5321 section 3.8)."""
    wire = make_wire(ready=True)
    wire.hear(b"421 4.4.2 timeout\r\n")
    assert isinstance(wire.error, RelayRefused)


def test_a_refused_reset_ends_the_session(make_wire):
    """Without RSET nobody knows which transaction is open."""
    wire = make_wire(ready=True)
    wire.session.begin(letter(1))
    wire.hear(b"250 a\r\n550 b\r\n554 c\r\n")
    wire.session.begin(letter(2))
    wire.hear(b"503 no\r\n")
    assert isinstance(wire.error, RelayRefused)
    assert [found.stage for found in wire.session.abandon(wire.error)] == [Stage.RSET]


def test_the_table_is_complete():
    """Each awaited reply has a step for 2yz or 3yz, and for 4yz and 5yz; no pair stands twice."""
    pairs = [(awaited, digit) for awaited, digits, _step in STEPS for digit in digits]
    assert len(pairs) == len(set(pairs))
    for awaited in Awaited:
        digits = {digit for found, digit in pairs if found is awaited}
        assert digits >= {4, 5}
        assert digits & {2, 3}


# --- whatever a relay says -------------------------------------------------------------------

_SAYINGS = st.sampled_from(
    b"220 a\r\n/250 a\r\n/250-a\r\n250 PIPELINING\r\n/354 a\r\n/421 a\r\n/450 a\r\n/334 \r\n/"
    b"550 5.1.1 a\r\n/235 a\r\n/junk\r\n/503 a\r\n/250 a\r\n250 a\r\n250 a\r\n354 a\r\n".split(b"/")
)


@given(st.lists(_SAYINGS, max_size=25), st.booleans())
def test_whatever_a_relay_says_each_message_has_one_fate(sayings, pipelining):
    """Exactly one decision for each message begun; accepted only by a 2yz to a body that left."""
    session = Session(
        Account("main", "r.example", 25, tls="none", pipelining=pipelining), "c.example"
    )
    begun, decided, ended, error = 0, [], 0, None
    for said in sayings:
        for event in session.receive(said):
            if isinstance(event, Decided):
                decided.append(event.submission)
            elif isinstance(event, Failed):
                error = event.error
            elif event is Signal.GO_AHEAD:
                session.start_body()
                session.end_body()
                ended += 1
        while session.can_begin:
            assert session.begin(letter(begun)) is None
            begun += 1
        session.take_output()
    decided += session.abandon(error or RelayRefused("x", stage=Stage.QUIT))
    assert len(decided) == begun
    positive = [
        found
        for found in decided
        if found.stage is Stage.BODY and found.reply and found.reply.code < 300
    ]
    doubtful = [found for found in decided if found.in_doubt]
    assert not any(found.in_doubt for found in positive)
    assert len(positive) + len(doubtful) <= ended
    assert len(doubtful) <= 1


def run_dialogue(size):
    """A long conversation, the relay's side cut into pieces; the events, and what was said."""
    session = Session(Account("main", "r.example", 25, tls="none"), "c.example")
    said = (
        b"220 hi\r\n", b"250-r\r\n250-SIZE 1000\r\n250 PIPELINING\r\n", ENVELOPE_OK,
        b"250 2.0.0 one\r\n250 a\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n354 go\r\n", b"554 none\r\n",
        OK + ENVELOPE_OK, b"451 4.3.0 later\r\n", b"221 bye\r\n",
    )  # fmt: skip
    events, out, begun = [], b"", 0
    for part in said:
        for at in range(0, len(part), size):
            for event in session.receive(part[at : at + size]):
                events.append(event)
                if event is Signal.GO_AHEAD:
                    out += session.start_body()
                    session.end_body()
            while session.can_begin and begun < 3:
                session.begin(letter(begun))
                begun += 1
            out += session.take_output()
        if part == b"451 4.3.0 later\r\n":
            session.quit()
            out += session.take_output()
    return events, out


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_does_not_care_how_replies_are_cut(size):
    """A session split at every byte has the same events as a whole one."""
    events, out = run_dialogue(size)
    whole, whole_out = run_dialogue(1000)
    assert events == whole
    assert sorted(out) == sorted(whole_out)
    assert events[-1] is Signal.GOODBYE
