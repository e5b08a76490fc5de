from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from notifier.campaign import load_campaign
from notifier.errors import TemplateError
from notifier.model import Recipient
from notifier.render.templates import evaluate
from notifier.settings import LimitSettings

ROW = {"Toán": 8.5, "Mã SV": "SV01 ", "x": None}


def recipient(**changes):
    """A recipient with `ROW`."""
    values = {"line": 1, "key": "HS1", "address": "a@x.example", "name": "An", "row": ROW}
    return Recipient(**{**values, **changes})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ row['Mã SV'] | lower }}@sv.school.example", "sv01 @sv.school.example"),
        ("{{ row['Mã SV'].strip() | lower }}@sv.example", "sv01@sv.example"),
        ("{{ row['Toán'] }}", "8.5"),
        ("plain", "plain"),
    ],
)
def test_an_expression_gives_its_text(expression, expected):
    """As an address may be made from a row; numbers have a point whatever the locale."""
    assert evaluate(expression, {"row": ROW}) == expected


@pytest.mark.parametrize("expression", ["{{ row['nope'] }}", "{{ 1 +", "{{ 'a' * 10**9 }}"])
def test_an_expression_that_fails_is_told_with_its_text(expression):
    """The place is the expression itself."""
    with pytest.raises(TemplateError) as caught:
        evaluate(expression, {"row": ROW})
    assert caught.value.where == expression


def test_a_cell_is_never_compiled():
    """Braces in a cell are text, however often it is printed."""
    assert evaluate("{{ row.x }}", {"row": {"x": "{{ 7 * 7 }}{% if %}"}}) == "{{ 7 * 7 }}{% if %}"


def test_a_cell_is_never_markup(workspace):
    """In HTML a value is escaped, as text and in attributes; in text it stands as it is."""
    files = {
        "grades/body.html": "<p title=\"{{ v }}\">{{ v }} {{ 'x' ~ v }}</p>",
        "grades/body.txt": "{{ v }}",
    }
    evil = '<script>alert("1")</script>&\'{{ 7 * 7 }}'
    seen = workspace.compile(files).render(recipient(columns={"v": evil}))
    assert "<script" not in seen.html
    assert seen.html.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&amp;&#39;{{ 7") == 3
    assert seen.text == evil


def test_templates_see_what_was_agreed(workspace):
    """Columns by short name, row, rows, key, name, email, campaign and values; nothing else."""
    body = (
        "{{ toan }}|{{ row['Toán'] }}|{{ rows | length }}|{{ key }}|{{ name }}|{{ email }}|"
        "{{ campaign.title }}|{{ campaign.from }}|{{ campaign.reply_to }}|{{ values.term }}"
    )
    compiled = workspace.compile({"grades/body.txt": body}, values={"term": 1})
    seen = compiled.render(recipient(columns={"toan": 8.5}, rows=(ROW, ROW)))
    assert seen.text == "8,5|8,5|2|HS1|An|a@x.example|Kết quả học tập|daotao@nguyendu.example||1"


def test_a_row_that_was_not_folded_is_its_own_rows(workspace):
    """A template may loop over `rows` either way."""
    compiled = workspace.compile(
        {"grades/body.txt": "{% for r in rows %}{{ r['Toán'] }};{% endfor %}"}
    )
    assert compiled.render(recipient()).text == "8,5;"


@pytest.mark.parametrize("name", ["os", "environ", "settings", "request", "config", "open", "self"])
def test_nothing_of_the_program_is_in_reach(workspace, name):
    """No environment, no settings, no files."""
    compiled = workspace.compile({"grades/body.txt": f"{{{{ {name}.x }}}}"})
    with pytest.raises(TemplateError):
        compiled.render(recipient())


def test_names_set_in_one_file_do_not_leak_into_another(workspace):
    """Subject and bodies are filled in apart, and so is each recipient."""
    workspace.write("templates/grades/subject.txt", "{% set secret = 1 %}x")
    compiled = workspace.compile({"grades/body.txt": "{{ secret }}"})
    for _turn in range(2):
        with pytest.raises(TemplateError):
            compiled.render(recipient())


def test_a_subject_is_one_line(workspace):
    """Line breaks of the file and of cells become spaces."""
    workspace.write("templates/grades/subject.txt", "Điểm của\n{{ name }}\n\n")
    compiled = workspace.compile({"grades/body.txt": "x"})
    assert compiled.render(recipient(name="A\r\nB")).subject == "Điểm của A B"


def test_without_a_subject_file_the_title_stands(workspace):
    """A campaign's title is a subject."""
    (workspace.root / "templates/grades/subject.txt").unlink()
    compiled = workspace.compile({"grades/body.txt": "x"})
    assert compiled.render(recipient()).subject == "Kết quả học tập"


def test_a_test_is_marked_as_such(workspace):
    """So that nobody takes a rehearsal for the real thing."""
    compiled = workspace.compile({"grades/body.txt": "x"})
    assert compiled.render(recipient(), test=True).subject.startswith("[")
    plain = compiled.assemble(recipient(), token="t", at=0.0)
    marked = compiled.assemble(recipient(), token="t", at=0.0, test=True)
    assert plain.data != marked.data


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({}, "body"),
        ({"grades/body.html": "x", "grades/body.md": "x"}, "both"),
        ({"grades/body.html": '{% extends "_layouts/nope.html" %}'}, "_layouts/nope.html"),
        ({"grades/body.html": '{% include "../../notifier.toml" %}'}, "outside"),
        ({"grades/body.html": '{% include "/etc/passwd" %}'}, "outside"),
        ({"grades/body.html": "{% include name %}"}, "written out"),
        ({"grades/body.html": '{% extends "grades/body.html" %}'}, "circle"),
        ({"grades/body.html": '{% include "grades/body.html" %}'}, "circle"),
        ({"grades/body.html": b"\xff\xfe"}, "UTF-8"),
    ],
)
def test_what_is_wrong_with_the_files_is_told_at_once(workspace, files, hint):
    """Missing, doubled, outside, circular or unreadable: before any recipient."""
    with pytest.raises(TemplateError) as caught:
        workspace.compile(files)
    assert hint in caught.value.message
    assert caught.value.where
    assert caught.value.next_step


def test_a_link_out_of_the_folder_is_not_followed(workspace):
    """Links are resolved before a file is opened."""
    outside = workspace.write("secret.txt", "secret")
    (workspace.root / "templates/grades/body.txt").symlink_to(outside)
    with pytest.raises(TemplateError, match="outside"):
        workspace.compile()


def test_the_digest_covers_what_shapes_the_message(workspace):
    """Template, layout, attachment, sender, locale: each change makes another digest."""
    files = {
        "_layouts/a.html": "<b>{% block c %}{% endblock %}</b>",
        "grades/body.html": '{% extends "_layouts/a.html" %}{% block c %}x{% endblock %}',
    }
    workspace.write("data/a.pdf", b"%PDF")
    attached = {"attachments": ("data/a.pdf",)}
    digests = {workspace.compile(files, **attached).digest}
    assert workspace.compile(files, **attached).digest in digests
    changes = [
        lambda: workspace.compile(
            {"_layouts/a.html": "<i>{% block c %}{% endblock %}</i>"}, **attached
        ),
        lambda: workspace.compile(locale="en", **attached),
        lambda: workspace.compile(title="Other", **attached),
        lambda: workspace.compile(sender_name="Other", **attached),
        lambda: workspace.compile(values={"a": 1}, **attached),
    ]
    for change in changes:
        digests.add(change().digest)
    workspace.write("data/a.pdf", b"%PDF-2")
    digests.add(workspace.compile(**attached).digest)
    assert len(digests) == len(changes) + 2


def test_a_worker_process_can_compile_its_own(workspace):
    """A campaign travels by pickle, and what is compiled from it makes the same bytes."""
    first = workspace.compile({"grades/body.md": "# Chào {{ name }}"})
    campaign = pickle.loads(pickle.dumps(load_campaign(workspace.root, "grades")))
    workspace_again = replace(campaign)
    from notifier.render.templates import compile_campaign

    second = compile_campaign(
        workspace_again,
        root=workspace.root,
        locale="vi",
        timezone="Asia/Ho_Chi_Minh",
        limits=LimitSettings(),
    )
    assert first.digest == second.digest
    assert first.assemble(recipient(), token="t", at=1.0) == second.assemble(
        recipient(), token="t", at=1.0
    )
