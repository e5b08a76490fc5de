from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.delivery.hints import HINTS
from notifier.delivery.notation import CLASSES, LONGEST_TEXT, Saying, essence
from notifier.delivery.phrasebook import SAYINGS
from notifier.model import Cause


@pytest.mark.parametrize("saying", SAYINGS + HINTS, ids=lambda saying: saying.words[0][:30])
def test_phrases_are_written_as_texts_are_read(saying):
    """What no essence can contain would match nothing: capitals, "e-mail", "cannot", "n't"."""
    assert not re.search(r"(?<!\\)[A-Z]", saying.pattern().pattern)
    for words in saying.words:
        plain = re.sub("|".join(sorted(CLASSES, key=len, reverse=True)), "_", words)
        plain = re.sub(r"\\.", "", plain)
        assert plain == plain.lower()
        assert not re.search(r"e-mail|cannot|n't\b|  |@(?!>)", plain), words
        assert not re.search(r"^\||(?<!\\)\|$|(?<!\\)\|\|", words), words


def test_a_phrase_has_gaps_and_classes_of_words():
    """`~` is up to forty characters of anything; a name in capitals is a class; `IS ` may lack."""
    pattern = Saying(Cause.OTHER, (r"BOX~full", r"relay IS REFUSED", r"~\bLIMIT")).pattern()
    assert pattern.search("the mailbox of this person is full")
    assert not pattern.search("the mailbox" + " of this person" * 3 + " is full")
    assert pattern.search("relay denied")
    assert pattern.search("relay is prohibited")
    assert pattern.search("your quota")


def test_an_unknown_class_of_words_is_told():
    """A slip of the pen in a table is an error and no phrase that never matches."""
    with pytest.raises(KeyError):
        Saying(Cause.OTHER, ("MAILBXO full",)).pattern()


def test_an_essence_is_plain():
    """Lower case, one space, no contractions, and no names of people."""
    text = "<Pat@B.example>:  Can\u2019t\tdeliver, it doesn't EXIST; e-mail cannot"
    assert essence(text) == "<@>: can not deliver, it does not exist; email can not"


def test_like_texts_have_one_essence():
    """What differs by the moment alone, ids, times and addresses, is the same; codes stay."""
    text = "[192.0.2.{}] <a{}@b.example> is not there c2-2022{}9zm3agi23.222 - gsmtp AS(20180628{})"
    assert essence(text.format(1, 1, 1, 1)) == essence(text.format(25, 2, 7, 1))
    assert essence("S3140 as(201806281) 200/200 5.7.501") == "s3140 as(201806281) 200/200 5.7.501"


@given(st.text(max_size=5000))
def test_an_essence_stays_bounded(text):
    """Whatever the text, what is searched is never much longer than the bound."""
    assert len(essence(text)) <= 3 * LONGEST_TEXT


@pytest.mark.parametrize(
    "piece",
    ["user ", "mailbox of ", "a@", "exceeded the ", "-", "x.", "rejected by ip ", "<", " \n"],
)
def test_no_phrase_is_slow_on_any_text(piece):
    """100 kB of what nearly matches is searched by all tables in a fraction of a second."""
    patterns = [saying.pattern() for saying in SAYINGS + HINTS]
    begin = time.perf_counter()
    text = essence(piece * (100_000 // len(piece)))
    for pattern in patterns:
        pattern.search(text)
    assert time.perf_counter() - begin < 0.5
