from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.model import (
    FINAL_STATES,
    Cause,
    Outcome,
    Rate,
    Recipient,
    Reply,
    Scope,
    State,
    dump_context,
    load_context,
)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.dates(),
    st.datetimes(),
    st.times(),
)
rows = st.dictionaries(st.text(), values, max_size=4)


@given(rows, rows, st.lists(rows, max_size=3).map(tuple))
def test_a_context_comes_back_as_it_was(row, columns, all_rows):
    """What the ledger keeps of a row is the row: dates stay dates, ids keep their zeros."""
    recipient = Recipient(1, "k", "a@x.example", "", row, columns, all_rows)
    assert load_context(dump_context(recipient)) == (row, columns, all_rows)


def test_kinds_of_values_survive():
    """A date is not a datetime, and a time neither."""
    row = {
        "d": date(2027, 1, 15),
        "dt": datetime(2027, 1, 15, 7),  # noqa: DTZ001 - cells have no zone
        "t": time(7),
        "id": "007",
    }
    back, _columns, _rows = load_context(dump_context(Recipient(1, "k", "a@x.example", "", row)))
    assert [type(value) for value in back.values()] == [date, datetime, time, str]


def test_a_text_that_looks_like_a_date_stays_a_text():
    """Signs of JSON and of our dates within cells are read as they were written."""
    row = {"$date": "2027-01-15", '{"$date":"2027-01-15"}': '"$date', "x": "$time", "n": None}
    assert load_context(dump_context(Recipient(1, "k", "a@x.example", "", row)))[0] == row


@pytest.mark.parametrize(
    "text", ["", "[", "[{},{},[]] x", "[{},{},[]][]", " [{},{},[]]", "[{},{}]"]
)
def test_a_context_that_is_damaged_is_not_read(text):
    """Nothing is guessed of a row that was not written by us."""
    with pytest.raises(ValueError):  # noqa: PT011 - json's and the unpacking's have no common text
        load_context(text)


def test_what_is_no_cell_is_refused():
    """Only plain data is kept."""
    with pytest.raises(TypeError):
        dump_context(Recipient(1, "k", "a@x.example", "", {"x": object()}))


@pytest.mark.parametrize(
    ("code", "positive", "transient", "permanent"),
    [
        (250, True, False, False),
        (354, True, False, False),
        (450, False, True, False),
        (550, False, False, True),
    ],
)
def test_the_first_digit_decides(code, positive, transient, permanent):
    """RFC 5321 section 4.2.1."""
    reply = Reply(code, "", "text")
    assert (reply.is_positive, reply.is_transient, reply.is_permanent) == (
        positive,
        transient,
        permanent,
    )


def test_a_reply_prints_as_it_came():
    """Code, enhanced code where there is one, text."""
    assert str(Reply(550, "5.1.1", "No such user")) == "550 5.1.1 No such user"
    assert str(Reply(250, "", "")) == "250"


def test_a_relays_trouble_burns_nobodys_attempt():
    """Only what concerns the message or the recipient counts against it."""
    burns = {
        scope: Outcome(State.DEFERRED, scope, Cause.SYSTEM_TROUBLE).burns_attempt for scope in Scope
    }
    assert burns == {Scope.MESSAGE: True, Scope.RECIPIENT: True, Scope.RELAY: False}


def test_what_is_in_doubt_is_not_final():
    """In doubt waits for a policy or a person; deferred and claimed for the engine."""
    assert not {State.UNKNOWN, State.PENDING, State.DEFERRED, State.CLAIMED} & FINAL_STATES
    assert State.SUBMITTING not in FINAL_STATES


def test_rates_print_as_they_are_written():
    """In the unit that people use, else in seconds."""
    assert [str(Rate(5, s)) for s in (1.0, 60.0, 3600.0, 86400.0, 10.0)] == [
        "5/second",
        "5/minute",
        "5/hour",
        "5/day",
        "5/10s",
    ]
