from __future__ import annotations

import pytest

from notifier.model import Recipient
from notifier.render.preflight import inspect
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
