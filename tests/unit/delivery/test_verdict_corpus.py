"""The verdict judged on replies that others collected (read only, never copied, never mailed)."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from notifier.delivery.diagnostic import judge_text
from notifier.delivery.registry import REGISTERED
from notifier.delivery.verdict import classify
from notifier.model import Cause, Reply, Stage

REPLIES = Path(__file__).parents[4] / "shared" / "data" / "replies"
pytestmark = pytest.mark.skipif(
    not REPLIES.is_dir(), reason="the collected replies (../shared/data/replies) are not here"
)

#: The other project's reasons, in our words. Where ours are coarser one word serves several;
#: where a reason covers two of ours, both are right.
OURS = {
    "authfailure": {Cause.UNAUTHENTICATED},
    "badreputation": {Cause.BLOCKED},
    "blocked": {Cause.BLOCKED},
    "contenterror": {Cause.CONTENT_REFUSED, Cause.MALFORMED},
    "exceedlimit": {Cause.TOO_LARGE},
    "expired": {Cause.UNREACHABLE, Cause.SYSTEM_TROUBLE},
    "failedstarttls": {Cause.TLS},
    "filtered": {Cause.NO_SUCH_MAILBOX},
    "hasmoved": {Cause.NO_SUCH_MAILBOX},
    "hostunknown": {Cause.DOMAIN_NOT_FOUND},
    "mailboxfull": {Cause.MAILBOX_FULL},
    "mailererror": {Cause.SYSTEM_TROUBLE},
    "mesgtoobig": {Cause.TOO_LARGE},
    "networkerror": {Cause.UNREACHABLE, Cause.MAIL_LOOP, Cause.DOMAIN_NOT_FOUND},
    "norelaying": {Cause.RELAY_DENIED},
    "notaccept": {Cause.DOMAIN_NOT_FOUND},
    "notcompliantrfc": {Cause.MALFORMED},
    "onhold": {Cause.SYSTEM_TROUBLE},
    "policyviolation": {Cause.BLOCKED, Cause.CONTENT_REFUSED, Cause.ATTACHMENT_REFUSED},
    "rejected": {Cause.SENDER_REFUSED, Cause.BLOCKED, Cause.RESTRICTED},
    "requireptr": {Cause.NO_REVERSE_NAME},
    "securityerror": {Cause.AUTHENTICATION, Cause.BLOCKED},
    "spamdetected": {Cause.CONTENT_REFUSED},
    "speeding": {Cause.RATE_LIMITED, Cause.QUOTA_SPENT},
    "suspend": {Cause.MAILBOX_DISABLED},
    "syntaxerror": {Cause.BAD_ADDRESS},
    "systemerror": {Cause.SYSTEM_TROUBLE, Cause.MAIL_LOOP},
    "systemfull": {Cause.SYSTEM_TROUBLE},
    "toomanyconn": {Cause.RATE_LIMITED},
    "userunknown": {Cause.NO_SUCH_MAILBOX, Cause.BAD_ADDRESS},
    "virusdetected": {Cause.ATTACHMENT_REFUSED},
}
#: Measured 94 % of the diagnostics and 95 % of the replies; below this something was lost.
FLOOR = 0.93
STEPS = (
    ("reply to rcpt to", Stage.RCPT),
    ("after rcpt to", Stage.RCPT),
    ("reply to end of data", Stage.BODY),
    ("after end of data", Stage.BODY),
    ("reply to mail from", Stage.MAIL),
    ("after mail from", Stage.MAIL),
)


def _rows(name):
    with (REPLIES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _read(text, code="", enhanced=""):
    """The reply inside a diagnostic, and the step where it is told."""
    found_code = re.search(r"(?<![\d.])([245]\d\d)(?=[ \-:])", text)
    found = re.search(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])", text)
    enhanced = found[1] if found else enhanced
    digits = code or (found_code[1] if found_code else f"{(enhanced or '5')[0]}50")
    step = next(
        (
            stage
            for word, stage in STEPS
            if re.search(f"(reply to|after) {word}", text, re.IGNORECASE)
        ),
        None,
    )
    return Reply(int(digits), enhanced, text), step


def _agreement(rows):
    wrong = Counter()
    for reason, (reply, stage) in rows:
        found = classify(reply, stage)[0]
        if found not in OURS[reason]:
            wrong[reason, found.value] += 1
    return 1 - wrong.total() / len(rows), wrong


def test_agrees_on_collected_diagnostics():
    """Of the returned mail that others collected and labelled, nine in ten get their reason."""
    rows = [
        (row["reason"], _read(row["diagnostic"], row["replycode"], row["status"]))
        for row in _rows("diagnostics.tsv")
    ]
    rate, wrong = _agreement(rows)
    assert len(rows) > 200
    assert rate >= FLOOR, wrong


def test_agrees_on_their_text_alone():
    """As they stand in returned mail, without fields that others read out of it before."""
    rows = _rows("diagnostics.tsv")
    wrong = Counter(
        (row["reason"], found.value)
        for row in rows
        if (found := judge_text(row["diagnostic"]).cause) not in OURS[row["reason"]]
    )
    assert 1 - wrong.total() / len(rows) >= FLOOR, wrong


def test_agrees_on_providers_replies():
    """Of the large providers' own replies, nine in ten get their reason (prose left out)."""
    rows = [
        (row["reason"], _read(row["reply_or_text"]))
        for row in _rows("providers.tsv")
        if row["starts_with_code"] == "True"
    ]
    rate, wrong = _agreement(rows)
    assert len(rows) > 50
    assert rate >= FLOOR, wrong


def test_never_takes_a_block_for_a_dead_address():
    """A refusal for reputation or content never says that the mailbox is gone.

    People would strike a good address off their list.
    """
    alive = {"badreputation", "blocked", "requireptr", "policyviolation", "authfailure"} | {
        "spamdetected",
        "virusdetected",
        "speeding",
        "norelaying",
        "securityerror",
    }
    dead = {Cause.NO_SUCH_MAILBOX, Cause.DOMAIN_NOT_FOUND, Cause.MAILBOX_DISABLED}
    found = [
        (row["diagnostic"], cause)
        for row in _rows("diagnostics.tsv")
        if row["reason"] in alive
        and (cause := classify(*_read(row["diagnostic"], row["replycode"], row["status"]))[0])
        in dead
    ]
    assert found == []


def test_every_registered_code_has_its_row():
    """Each code of the IANA registry that was kept stands in the table."""
    codes = {row["code"].removeprefix("X.") for row in _rows("iana_enhanced_status_codes.tsv")}
    assert codes - set(REGISTERED) == set()
