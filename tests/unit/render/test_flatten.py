from __future__ import annotations

import pytest

LAYOUT = "<a>{% block x %}base {{ v }}{% endblock %}|{% block y %}y{% endblock %}</a>"


def fill(workspace, body, *, layout=LAYOUT, **columns):
    """What the body renders to within this layout."""
    workspace.write("templates/_layouts/l.html", layout)
    return workspace.html(body, **columns)


def test_blocks_replace_those_of_the_layout(workspace):
    """What stands outside of blocks in a derived template is not printed."""
    body = '{% extends "_layouts/l.html" %}lost{% block x %}mine{% endblock %}lost'
    assert fill(workspace, body) == "<a>mine|y</a>"


def test_super_gives_what_was_replaced(workspace):
    """Through several levels, values included."""
    workspace.write(
        "templates/_layouts/m.html",
        '{% extends "_layouts/l.html" %}{% block x %}[{{ super() }}]{% endblock %}',
    )
    body = '{% extends "_layouts/m.html" %}{% block x %}({{ super() }}){{ super() }}{% endblock %}'
    assert fill(workspace, body, v=1) == "<a>([base 1])[base 1]|y</a>"


def test_blocks_within_blocks(workspace):
    """An inner block may be replaced alone."""
    layout = "{% block o %}<{% block i %}in{% endblock %}>{% endblock %}"
    body = '{% extends "_layouts/l.html" %}{% block i %}mine{% endblock %}'
    assert fill(workspace, body, layout=layout) == "<mine>"


def test_settings_of_the_derived_template_reach_its_blocks(workspace):
    """As in Jinja: `set` and macros outside of blocks are there within them."""
    body = (
        '{% extends "_layouts/l.html" %}{% set t = "T" %}'
        "{% macro m(a) %}<i>{{ a }}</i>{% endmacro %}"
        "{% block x %}{{ t }}{{ m('<') }}{% endblock %}"
    )
    assert fill(workspace, body) == "<a>T<i>&lt;</i>|y</a>"


def test_what_a_block_sets_stays_in_it(workspace):
    """A block is a scope of its own."""
    body = (
        '{% extends "_layouts/l.html" %}{% block x %}{% set q = 1 %}{{ q }}{% endblock %}'
        "{% block y %}{{ q is defined }}{% endblock %}"
    )
    assert fill(workspace, body) == "<a>1|không</a>"


def test_includes_see_the_names_around_them(workspace):
    """Loops included; looked for from templates/ first, then beside the file."""
    workspace.write("templates/_parts/p.html", "{{ i }}{{ v }};")
    workspace.write("templates/grades/q.html", "q")
    body = '{% for i in "ab" %}{% include "_parts/p.html" %}{% endfor %}{% include "q.html" %}'
    assert fill(workspace, body, v=1) == "a1;b1;q"


def test_an_include_may_be_allowed_to_be_missing(workspace):
    """`ignore missing`, and a list of which the first that is there is taken."""
    workspace.write("templates/_parts/p.html", "p")
    body = '{% include "no.html" ignore missing %}{% include ["no.html", "_parts/p.html"] %}'
    assert fill(workspace, body) == "p"


def test_a_layout_may_loop_around_a_block(workspace):
    """The block sees the loop's names."""
    layout = "{% for i in 'ab' %}{% block x scoped %}{{ i }}{% endblock %}{% endfor %}"
    body = '{% extends "_layouts/l.html" %}{% block x %}({{ i }}){% endblock %}'
    assert fill(workspace, body, layout=layout) == "(a)(b)"


@pytest.mark.parametrize(
    "body",
    [
        "{% call(x) wrap() %}in {{ x }}{% endcall %}",
        "{{ wrap(caller=wrap) if false else wrap2('<') }}",
    ],
)
def test_macros_and_calls_work_as_ever(workspace, body):
    """With `caller`, and with their results as markup, not escaped twice."""
    macros = (
        "{% macro wrap() %}<b>{{ caller('<') }}</b>{% endmacro %}"
        "{% macro wrap2(v) %}<b>in {{ v }}</b>{% endmacro %}"
    )
    assert workspace.html(macros + body) == "<b>in &lt;</b>"


def test_everything_of_jinja_that_a_mail_uses(workspace):
    """with, filter blocks, set blocks, loop variables, break, recursion of loops, tests."""
    body = (
        "{% with a = 1 %}{{ a }}{% endwith %}{% filter upper %}x<y{% endfilter %}"
        "{% set b %}<i>{{ '<' }}</i>{% endset %}{{ b }}"
        "{% for i in [1, 2, 3] %}{% if i == 3 %}{% break %}{% endif %}"
        "{{ loop.index }}/{{ loop.length }}"
        "{{ ',' if not loop.last }}{% endfor %}"
        "{% for i in [[1], [2]] recursive %}{% if i is iterable %}({{ loop(i) }})"
        "{% else %}{{ i }}{% endif %}{% endfor %}"
        "{{ [3, 1, 2] | sort | join('-') }}{{ 'x' if none }}"
    )
    assert workspace.html(body) == "1X<Y<i>&lt;</i>1/3,2/3,(1)(2)1-2-3"
