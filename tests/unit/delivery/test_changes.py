"""Who is concerned by a correction, case by case."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from notifier.delivery.changes import (
    Change,
    Comparer,
    Corrections,
    Failures,
    Finding,
    Named,
    Newcomers,
    check_past,
    differences,
    read_keys,
)
from notifier.errors import GuardError, TemplateError
from notifier.ledger.past import PastDelivery, PastReply, PastRun
from notifier.model import Cause, Recipient, RunState, State, dump_context

AN = Recipient(2, "A", "an@x.example", "An", {"Toán": 8, "Ghi chú": ""})


class Compiled:
    """A campaign whose message shows `Toán` alone; rows without it can't be rendered."""

    def __init__(self, files=()):
        self.files = list(files)

    def render(self, recipient):
        if "Toán" not in recipient.row:
            raise TemplateError("no Toán")
        rows = [row["Toán"] for row in recipient.rows]
        return recipient.name, recipient.address, recipient.row["Toán"], rows

    def own_files(self, _recipient):
        return self.files


@dataclass
class Known:
    """Earlier deliveries by key, the latest first."""

    past: dict[str, list[PastDelivery]] = field(default_factory=dict)

    def deliveries(self, key):
        return self.past.get(key, [])

    def reply(self, delivery_id):
        return PastReply(550, "5.1.1", f"of {delivery_id}")


def was(state, recipient=AN, number=1):
    """A delivery of an earlier run."""
    context, cause = dump_context(recipient), Cause.OTHER
    return PastDelivery(
        number, number, recipient.address, recipient.name, context, State(state), cause
    )


def find(recipient, *past, files=(), kept=lambda _run, _name: None):
    """What `changed` finds; `past` is the latest first."""
    known = Known({recipient.key: list(past)})
    return Corrections(known, Comparer(Compiled(files), kept)).find(recipient)


def marked(mark, **changes):
    """The same person with another mark."""
    return replace(AN, row={**AN.row, "Toán": mark}, **changes)


@pytest.mark.parametrize(
    ("state", "finding"),
    [
        ("accepted", Finding.UNCHANGED),
        ("presumed", Finding.UNCHANGED),
        ("unknown", Finding.IN_DOUBT),
        ("refused", Finding.FAILED),
        ("expired", Finding.FAILED),
        ("bounced", Finding.FAILED),
        ("suppressed", Finding.NEW),
        ("cancelled", Finding.NEW),
    ],
)
def test_the_same_row_by_what_became_of_it(state, finding):
    """Only those who were never tried are mailed; nobody gets the same thing twice."""
    assert find(AN, was(state)).finding is finding
    assert (finding in Corrections.mailed) is (finding is Finding.NEW)


@pytest.mark.parametrize("state", ["accepted", "presumed", "unknown", "refused", "bounced"])
def test_another_row_is_a_change_whatever_became_of_the_first(state):
    """In doubt too: whichever of the two they have, they need this one."""
    found = find(marked(9), was(state))
    assert found.finding is Finding.CHANGED
    assert found.changes == (Change("Toán", 8, 9),)
    assert found.since.state is State(state)


def test_a_correction_that_failed_is_compared_with_what_arrived():
    """It was tried with the very row, and refused: they still have the old one."""
    found = find(marked(9), was("refused", marked(9), 2), was("accepted", AN, 1))
    assert found.finding is Finding.CHANGED
    assert found.since.id == 1


def test_a_correction_in_doubt_is_not_sent_twice():
    """It may have arrived; a person settles doubts."""
    found = find(marked(9), was("unknown", marked(9), 2), was("accepted", AN, 1))
    assert found.finding is Finding.IN_DOUBT


def test_put_back_after_a_correction_that_may_have_arrived():
    """They may have the wrong correction: they need the right row again."""
    found = find(AN, was("unknown", marked(9), 2), was("accepted", AN, 1))
    assert found.finding is Finding.CHANGED


def test_a_run_that_was_cancelled_between_changes_nothing():
    """What was never sent is not what they have."""
    found = find(AN, was("cancelled", marked(9), 2), was("accepted", AN, 1))
    assert found.finding is Finding.UNCHANGED


def test_a_column_that_nobody_reads_is_no_change():
    """Both rows make the same message."""
    found = find(replace(AN, row={**AN.row, "Ghi chú": "gọi lại"}), was("accepted"))
    assert found.finding is Finding.UNCHANGED


def test_all_cells_that_differ_are_told_of_somebody_who_is_concerned():
    """Also those that the message doesn't show: whoever looks at the table knows the sheet."""
    found = find(replace(marked(9), row={"Toán": 9, "Ghi chú": "x"}), was("accepted"))
    assert [it.field for it in found.changes] == ["Toán", "Ghi chú"]


def test_a_row_that_lacks_what_the_template_uses_now_is_a_change():
    """It can't be said that they read the same."""
    found = find(AN, was("accepted", replace(AN, row={"Văn": 7})))
    assert found.finding is Finding.CHANGED
    assert {it.field for it in found.changes} == {"Toán", "Ghi chú", "Văn"}


def test_another_address_is_a_change_and_another_case_is_not():
    """Told from where to where; capital letters reach the same mailbox."""
    found = find(replace(AN, address="moi@x.example"), was("accepted"))
    assert found.changes == (Change("email", "an@x.example", "moi@x.example"),)
    assert find(replace(AN, address="An@X.example"), was("accepted")).finding is Finding.UNCHANGED


def test_of_two_parents_each_is_judged_alone():
    """One was reached, the other was refused: nobody is concerned by a correction."""
    other = replace(AN, address="ba@x.example")
    past = was("refused", other, 2), was("accepted", AN, 1)
    assert find(AN, *past).finding is Finding.UNCHANGED
    assert find(other, *past).finding is Finding.FAILED


def test_folded_rows_are_told_by_their_place():
    """A second subject's row that changed, or that was added."""
    two = replace(AN, rows=({"Toán": 8}, {"Toán": 5}))
    after = replace(AN, rows=({"Toán": 8}, {"Toán": 6}, {"Toán": 7}))
    assert list(differences(two, after)) == [
        Change("Toán [2]", 5, 6),
        Change("Toán [3]", None, 7),
    ]
    assert find(after, was("accepted", two)).finding is Finding.CHANGED


def test_a_file_of_their_own_counts_by_its_content():
    """The slip was made anew under the same name; what isn't known is no change."""
    files = [("data/slips/A.pdf", b"new")]
    found = find(AN, was("accepted"), files=files, kept=lambda _run, _name: "00" * 32)
    assert [it.field for it in found.changes] == ["data/slips/A.pdf"]
    assert find(AN, was("accepted"), files=files).finding is Finding.UNCHANGED


def test_a_choice_remembers_whom_it_took():
    """The second reading, which writes, takes the same; the others are counted by finding."""
    known = Known({"A": [was("accepted")]})
    choice = Corrections(known, Comparer(Compiled()))
    new = replace(AN, key="B", address="b@x.example")
    assert [choice.takes(it) for it in (AN, new)] == [False, True]
    assert [choice.took(it) for it in (AN, new)] == [False, True]
    assert choice.counts == {Finding.UNCHANGED: 1, Finding.NEW: 1}
    assert [it.recipient for it in choice.concerned] == [new]


def test_newcomers_were_never_tried_at_any_address():
    """Neither a refusal nor another address makes somebody new again."""
    for state, is_new in (("accepted", False), ("refused", False), ("suppressed", True)):
        choice = Newcomers(Known({"A": [was(state, replace(AN, address="old@x.example"))]}))
        assert choice.takes(AN) is is_new
    assert Newcomers(Known()).takes(AN)


def test_failures_are_told_with_the_reply():
    """The last try counts: what arrived later is no failure, what failed later is one."""
    refused, accepted = was("refused", AN, 2), was("accepted", AN, 1)
    found = Failures(Known({"A": [refused, accepted]})).find(AN)
    assert (found.finding, found.reply.text) == (Finding.FAILED, "of 2")
    later = [was("accepted", AN, 3), refused]
    assert Failures(Known({"A": later})).find(AN).finding is Finding.OTHER
    assert Failures(Known({"A": [was("unknown")]})).find(AN).finding is Finding.OTHER


def test_a_failure_whose_address_was_mended_is_found_by_its_key():
    """That is what mending is for; somebody else's success under the key doesn't hide it."""
    past = [was("accepted", replace(AN, address="mẹ@x.example"), 2), was("refused", AN, 1)]
    mended = replace(AN, address="right@x.example")
    found = Failures(Known({"A": past})).find(mended)
    assert found.changes == (Change("email", "an@x.example", "right@x.example"),)
    assert Failures(Known({"A": past[:1]})).find(mended).finding is Finding.OTHER


def test_named_keys_that_are_not_there_are_known():
    """In the order of the file."""
    choice = Named(["Z", "A", "Y"])
    assert choice.takes(AN)
    assert not choice.takes(replace(AN, key="B"))
    assert choice.missing == ["Z", "Y"]


def test_keys_are_read_as_cells_are():
    """Space around and within is evened out; blank lines and repetitions are nothing."""
    assert read_keys(" A 1\r\n\n  B\tx \nA 1\n") == ["A 1", "B x"]


class Past:
    """Earlier runs, the latest first."""

    def __init__(self, *runs):
        self.runs = runs


def run(number, state=RunState.FINISHED, *, left_out=0, purged_at=None):
    """An earlier run."""
    return PastRun(number, f"day {number}", state, left_out, purged_at)


@pytest.mark.parametrize("state", ["enrolling", "awaiting", "active", "paused"])
def test_an_unfinished_run_comes_first_however_old(state):
    """What it has not sent would arrive after the correction."""
    with pytest.raises(GuardError, match="Run 1 of marks is unfinished"):
        check_past(Past(run(2), run(1, RunState(state))), "marks")


def test_a_held_run_holds_nobody_up():
    """Only doubts are left of it."""
    check_past(Past(run(2), run(1, RunState.HELD)), "marks")


def test_where_what_was_sent_was_erased_nobody_is_guessed_at():
    """Everybody would look new, and the whole school would be mailed again."""
    with pytest.raises(GuardError, match="erased"):
        check_past(Past(run(3, left_out=5), run(2, purged_at=1.0)), "marks")
    with pytest.raises(GuardError, match="erased"):
        check_past(Past(run(3, left_out=5, purged_at=1.0), run(2)), "marks")
    check_past(Past(run(3), run(2, purged_at=1.0)), "marks")
    check_past(Past(run(3, RunState.CANCELLED, purged_at=1.0), run(2)), "marks")
