from __future__ import annotations

import pytest
from jinja2 import TemplateError as JinjaError

from notifier.errors import NotifierError, TemplateError


def _error(workspace, files, **changes):
    compiled = workspace.compile(files)
    with pytest.raises(TemplateError) as caught:
        compiled.render(_recipient(**changes))
    return caught.value


def _recipient(**changes):
    from notifier.model import Recipient

    values = {"line": 1, "key": "k", "address": "a@x.example", "name": "An", "row": {"Toán": 8}}
    return Recipient(**{**values, **changes})


def test_an_unknown_name_comes_with_its_place_and_the_nearest(workspace):
    """File, line and the name that was meant, marks on letters aside."""
    error = _error(workspace, {"grades/body.html": "<p>\n\n{{ row['toan'] }}</p>"})
    assert error.where == "templates/grades/body.html, line 3"
    assert "toan" in error.message
    assert "Toán" in error.next_step
    assert (error.problem, error.file, error.line) == (
        "undefined",
        "templates/grades/body.html",
        3,
    )


def test_an_unknown_variable_is_told_from_an_unknown_column(workspace):
    """A bare name is looked for among the template's names."""
    error = _error(workspace, {"grades/body.html": "{{ nmae }}"})
    assert "`nmae`" in error.message
    assert "`name`" in error.next_step


def test_a_line_in_a_layout_is_told_as_such(workspace):
    """After layouts are resolved, an error still names the file that it stands in."""
    files = {
        "_layouts/school.html": "<html>\n<body>\n{% block c %}{% endblock %}\n{{ oops }}",
        "grades/body.html": '{% extends "_layouts/school.html" %}{% block c %}x{% endblock %}',
    }
    assert _error(workspace, files).where == "templates/_layouts/school.html, line 4"


def test_a_line_in_markdown_is_the_one_that_was_written(workspace):
    """Markdown becomes HTML first; the line is still that of body.md."""
    body = "# Title\n\nText\n\n- a\n- b\n\n{{ oops }}\n"
    assert _error(workspace, {"grades/body.md": body}).where == "templates/grades/body.md, line 8"


def test_a_syntax_error_has_a_line(workspace):
    """The file does not compile: told before any recipient is looked at."""
    with pytest.raises(TemplateError) as caught:
        workspace.compile({"grades/body.html": "<p>\n{% if x %}\n</p>"})
    assert caught.value.where.startswith("templates/grades/body.html, line")
    assert caught.value.problem == "syntax"


def test_a_syntax_error_in_markdown_has_the_line_as_written(workspace):
    """A mistake in body.md is told by its own line."""
    with pytest.raises(TemplateError) as caught:
        workspace.compile({"grades/body.md": "# T\n\n\n{{ a b }}\n"})
    assert caught.value.where == "templates/grades/body.md, line 4"


def test_an_unknown_filter_is_a_mistake_of_the_template(workspace):
    """Told with the file and line, when the campaign is compiled."""
    with pytest.raises(TemplateError) as caught:
        workspace.compile({"grades/body.html": "\n{{ name | nofilter }}"}).render(_recipient())
    assert caught.value.where == "templates/grades/body.html, line 2"


@pytest.mark.parametrize("body", ["{{ 1 / 0 }}", "{{ name + 1 }}", "{{ row['Toán'].x() }}"])
def test_no_foreign_error_leaves_the_room(workspace, body):
    """Whatever an expression raises, it is a TemplateError with the cause kept."""
    error = _error(workspace, {"grades/body.html": body})
    assert isinstance(error, NotifierError)
    assert not isinstance(error, JinjaError)
    assert error.__cause__ is not None
    assert error.next_step


def test_an_empty_cell_is_not_an_unknown_name(workspace):
    """A column that is there and empty prints nothing."""
    compiled = workspace.compile({"grades/body.html": "[{{ row['x'] }}]"})
    assert compiled.render(_recipient(row={"x": None})).html == "[]"
