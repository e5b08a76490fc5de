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
