from __future__ import annotations

from dataclasses import replace

import pytest

from notifier.model import Recipient
from notifier.render.preflight import Carrier, Largest, inspect
from notifier.settings import LimitSettings


def people(*rows):
    """Recipients with these rows, from line 5 of the sheet on."""
    return [
        Recipient(
            line=number + 5,
            key=f"K{number}",
            address="a@x.example",
            name="An",
            row=row,
            columns={"v": row.get("v")},
        )
        for number, row in enumerate(rows)
    ]


def problems(compiled, *rows):
    """What a preflight finds."""
    return list(inspect(compiled, people(*rows)))


@pytest.mark.parametrize(
    ("html", "value", "kind", "severity"),
    [
        ("{{ nope }}", "", "undefined", "error"),
        ("{{ row['V'] }}", "", "undefined", "error"),
        ("<a href='{{ v }}'>x</a>", "", "link", "warning"),
        ("<a href='#'>x</a>", "", "link", "warning"),
        ("<a>x</a>", "", "link", "warning"),
        ("<a href='{{ v }}'>x</a>", "www.x.example", "link", "warning"),
        ("<a href='{{ v }}'>x</a>", "javascript:alert(1)", "link", "error"),
        ("<a href='{{ v }}'>x</a>", "JavaScript&colon;alert(1)", "link", "warning"),
        ("<a href='file:///etc/passwd'>x</a>", "", "link", "error"),
        ("<img src='https://x.example/a.png'>", "", "image", "warning"),
        ("<img alt='x' src='{{ v }}'>", "", "image", "warning"),
        ("<img alt='x' src='{{ v }}'>", "none.png", "missing_attachment", "error"),
        ("{{ v }}", "", "empty_body", "error"),
        ("{{ 1 / 0 }}", "", "render", "error"),
    ],
)
def test_what_is_wrong_is_told_with_recipient_and_line(workspace, html, value, kind, severity):
    """The recipient's key and line, the template's file and line, and what to do."""
    compiled = workspace.compile({"grades/body.html": f"<p>\n</p>\n{html}"})
    (problem,) = problems(compiled, {"v": value})
    assert (problem.kind, problem.severity) == (kind, severity)
    assert (problem.recipient_key, problem.line) == ("K0", 5)
    assert problem.next_step
    if kind not in {"empty_body", "missing_attachment"}:
        assert (problem.file, problem.template_line) == ("templates/grades/body.html", 3)


@pytest.mark.parametrize(
    "html",
    [
        "<a href='https://x.example'>x</a>",
        "<a href='mailto:a@x.example'>x</a><a href='tel:+841'>x</a>",
        "<a name='y'></a><a href='#y'>x</a>",
        "<img src='https://x.example/a.png' alt=''>",
        "<p>{{ row.v | default('-') }}</p>",
    ],
)
def test_what_is_right_is_not_talked_about(workspace, html):
    """No problem where there is none."""
    compiled = workspace.compile({"grades/body.html": f"x{html}"})
    assert problems(compiled, {"v": None}) == []


def test_every_recipient_is_looked_at(workspace):
    """One whose cells are wrong does not hide the next."""
    workspace.write("templates/grades/subject.txt", "{{ v }}")
    compiled = workspace.compile({"grades/body.html": "x"}, attachments=("data/{{ row.f }}.pdf",))
    workspace.write("data/a.pdf", b"x")
    found = problems(
        compiled,
        {"v": "s", "f": "a"},
        {"v": " \n", "f": "a"},
        {"v": "s", "f": "none"},
        {"v": "s", "f": "../notifier"},
    )
    assert [(problem.recipient_key, problem.kind) for problem in found] == [
        ("K1", "empty_subject"),
        ("K2", "missing_attachment"),
        ("K3", "attachment_outside"),
    ]


def test_a_message_that_is_too_large_is_told(workspace):
    """By the limit of the settings."""
    compiled = workspace.compile(
        {"grades/body.html": "{{ v }}"}, limits=LimitSettings(max_message_bytes=3000)
    )
    (problem,) = problems(compiled, {"v": "x" * 3000})
    assert problem.kind == "oversize"


def test_lines_of_a_layout_are_its_own(workspace):
    """A link of the layout is told with the layout's file."""
    workspace.write("templates/_layouts/a.html", "\n\n<a href='x'>y</a>{% block c %}{% endblock %}")
    compiled = workspace.compile(
        {"grades/body.html": '{% extends "_layouts/a.html" %}{% block c %}z{% endblock %}'}
    )
    (problem,) = problems(compiled, {})
    assert (problem.file, problem.template_line) == ("templates/_layouts/a.html", 3)


def test_marks_for_the_preflight_are_never_sent(workspace):
    """The message that leaves has no trace of them."""
    compiled = workspace.compile({"grades/body.html": "x <a href=''>y</a>"})
    list(inspect(compiled, people({})))
    seen = compiled.render(people({})[0])
    assert "data-notifier" not in seen.html


def test_all_names_that_are_missing_are_told_at_once(workspace):
    """A template is mended in one go: each name once, with its own place and suggestion."""
    compiled = workspace.compile(
        {
            "grades/subject.txt": "{{ tile }}",
            "grades/body.html": "<p>{{ namee }}</p>\n{{ row['Toan'] }} {{ row['X'] }}\n"
            "{{ values.plac }} {{ namee }}{% for r in rows %}{{ r['Y'] }}{% endfor %}",
        },
        values={"place": "A"},
    )
    found = problems(compiled, {"Toán": 9}, {"Toán": 8})
    assert [(it.message.split("`")[1], it.template_line) for it in found[: len(found) // 2]] == [
        ("tile", 1), ("namee", 1), ("Toan", 2), ("X", 2), ("plac", 3), ("Y", 3),
    ]  # fmt: skip
    assert [it.recipient_key for it in found] == ["K0"] * 6 + ["K1"] * 6
    assert "`Toán`" in found[2].next_step
    assert "place" in found[4].next_step


def test_telling_what_is_missing_changes_nothing(workspace):
    """The rows and constants that a message is made from stay as they are."""
    compiled = workspace.compile({"grades/body.txt": "{{ row['X'] }}{{ values.y }}"})
    person = people({"V": 1})[0]
    for _time in range(2):
        assert len(list(inspect(compiled, [person]))) == 2
    assert person.row == {"V": 1}


def test_a_name_that_is_asked_for_more_is_told_by_itself(workspace):
    """What is taken for empty has no parts; that is no second mistake."""
    compiled = workspace.compile({"grades/body.txt": "{{ nope.more }} {{ other }}"})
    found = problems(compiled, {"V": 1})
    assert "`nope`" in found[0].message


def test_an_empty_subject_has_a_place(workspace):
    """The file that subjects are written in."""
    compiled = workspace.compile({"grades/subject.txt": "{{ row['V'] }}", "grades/body.txt": "x"})
    (found,) = problems(compiled, {"V": None})
    assert (found.kind, found.file) == ("empty_subject", "templates/grades/subject.txt")


# --- what relays take -----------------------------------------------------------------------------


def look(compiled, *, address="a@x.example", carriers=(), largest=None):
    """What is wrong with one message for these relays: (kind, severity, sentence)."""
    whom = replace(people({"v": "x"})[0], address=address)
    found = inspect(compiled, [whom], carriers=carriers, largest=largest)
    return [(it.kind, it.severity, it.message) for it in found]


@pytest.mark.parametrize(
    ("known", "severity"),
    [([], "warning"), ([None], "warning"), ([False], "warning"), ([True], "")],
)
def test_an_address_that_needs_smtputf8_is_named(workspace, known, severity):
    """It alone is refused, so the others need not wait; nothing is said where a relay takes it."""
    compiled = workspace.compile({"grades/body.html": "x"})
    carriers = [Carrier("main", takes_utf8=it) for it in known]
    found = look(compiled, address="nguyễn@x.example", carriers=carriers)
    assert [it[:2] for it in found] == ([("address_utf8", severity)] if severity else [])
    assert all("nguyễn@x.example" in it[2] for it in found)


def test_one_relay_that_takes_it_is_enough(workspace):
    """Messages that one can't carry go to another."""
    compiled = workspace.compile({"grades/body.html": "x"})
    carriers = [Carrier("main", takes_utf8=False), Carrier("other", takes_utf8=True)]
    assert look(compiled, address="nguyễn@x.example", carriers=carriers) == []


@pytest.mark.parametrize(("known", "severity"), [(None, "warning"), (False, "error")])
def test_a_sender_that_no_relay_takes_stops_the_run(workspace, known, severity):
    """No message could leave."""
    compiled = workspace.compile({"grades/body.html": "x"}, sender_address="phòng@school.example")
    (found,) = look(compiled, carriers=[Carrier("main", takes_utf8=known)])
    assert found[:2] == ("sender_utf8", severity)
    assert "phòng@school.example" in found[2]


def test_a_message_that_no_relay_takes_for_its_size_is_told(workspace):
    """With the least that must be known: all their limits."""
    compiled = workspace.compile({"grades/body.html": "x" * 3000})
    assert look(compiled, carriers=[Carrier("a", max_bytes=500), Carrier("b")]) == []
    small, large = Carrier("a", max_bytes=500), Carrier("b", max_bytes=900)
    (found,) = look(compiled, carriers=[small, large])
    assert found[:2] == ("oversize_relay", "error")
    assert "900" in found[2]
    assert look(compiled, carriers=[small, Carrier("c", max_bytes=99_999)]) == []


def test_the_largest_message_is_known(workspace):
    """Whose it is, and how many bytes it has."""
    compiled = workspace.compile({"grades/body.html": "{{ v }}"})
    largest = Largest()
    whom = people({"v": "x"}, {"v": "x" * 999}, {"v": "x" * 9})
    assert not list(inspect(compiled, whom, largest=largest))
    assert (largest.recipient_key, largest.line) == ("K1", 6)
    message = compiled.assemble(whom[1], token="preflight", at=0.0)
    assert largest.bytes == message.size


def test_an_empty_file_is_told(workspace):
    """It is sent all the same: somebody may mean it."""
    workspace.write("data/a.pdf", b"")
    compiled = workspace.compile({"grades/body.html": "x"}, attachments=("data/a.pdf",))
    ((kind, severity, told),) = look(compiled)
    assert (kind, severity) == ("empty_attachment", "warning")
    assert "a.pdf" in told


def test_a_blank_cell_that_few_have_is_told(workspace):
    """One mark is missing among many: who, and which; a column that is mostly blank is no slip."""
    compiled = workspace.compile(
        {"grades/body.html": "<p>x {{ row['v'] }}{{ row['w'] or '-' }}</p>"}
    )
    rows = [{"v": "8", "w": None} for _number in range(9)]
    (found,) = problems(compiled, *rows[:4], {"v": None, "w": None}, *rows[4:])
    assert (found.severity, found.kind, found.line) == ("warning", "blank_cell", 9)
    assert "v" in found.message
    assert problems(compiled, *rows) == []
    assert problems(compiled, *[{"v": None, "w": "x"}] * 3, *rows[:4]) == []
