from __future__ import annotations

import re

import pytest

from notifier.render.styles import split_rules

STYLE = "<style>.a { color: red; } td.m { margin: 0; } .low { color: blue; }</style>"


def style_of(html, sign):
    """The style of the tag that holds `sign`."""
    (tag,) = re.findall(rf"<[a-z0-9]+[^<]*{re.escape(sign)}[^<]*?>", html)
    found = re.search(r'style="([^"]*)"', tag)
    return re.sub(r"\s+", "", found[1]).rstrip(";") if found else ""


def test_rules_move_to_their_elements(workspace):
    """The style element is gone; classes stay for those who read them."""
    html = workspace.html(
        f'<html><head>{STYLE}</head><body><p class="a" id="p">x</p></body></html>'
    )
    assert style_of(html, 'id="p"') == "color:red"
    assert "<style" not in html


def test_the_rest_of_the_page_stays_as_it_was_written(workspace):
    """White space, entities, doctype, comments for Outlook: untouched to the character."""
    body = (
        "<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0'>\n<p  title='a>b' data-x=1>&nbsp;&copy; x"
        '<br/>\n<!--[if mso]><table><tr><td class="a"><![endif]--></p>\n<P CLASS=b>y'
    )
    assert workspace.html(body + "<style>.zz{color:red}</style>").startswith(body)


@pytest.mark.parametrize(
    "jinja",
    [
        "{% if a > b %}x{% endif %}",
        "{{ a < b }}",
        "{{ '<p class=\"a\">' }}",
        "{% if a > b and '>' != \"<\" %}{% else %}{{ '%}' }}{% endif %}",
        "{# <p class='a'> #}",
        "{% raw %}{{ <p> }}{% endraw %}",
        "{%- set t = '</style>' -%}{{ t }}",
    ],
)
def test_jinja_survives_untouched(workspace, jinja):
    """Signs of HTML within Jinja mean nothing to the inliner."""
    with_css = workspace.html(STYLE + f"<p>{jinja}</p>", a=1, b=2)
    without = workspace.html(f"<p>{jinja}</p>", a=1, b=2)
    assert with_css.endswith(without)


def test_loops_between_table_rows_stay_where_they_are(workspace):
    """A browser would move their text in front of the table; every row gets its style."""
    html = workspace.html(
        STYLE
        + "<table>{% for v in ['a', 'b'] %}<tr>{% if v %}<td class=\"m\">{{ v }}</td>{% endif %}"
        "</tr>{% endfor %}</table>"
    )
    assert html.count('style="margin: 0;"') == 2
    table = re.sub(r" style=\"[^\"]*\"", "", html[html.index("<table>") :])
    assert table == '<table><tr><td class="m">a</td></tr><tr><td class="m">b</td></tr></table>'


def test_branches_that_open_and_close_apart(workspace):
    """Tags in branches need not balance for the rules to be found."""
    html = workspace.html(
        STYLE + "{% if 1 %}<div class=\"a\">{% else %}<div>{% endif %}<p class='low'>x</p></div>"
    )
    assert style_of(html, 'class="a"') == "color:red"
    assert style_of(html, "class='low'") == "color:blue"


def test_rules_of_a_layout_reach_the_page_that_extends_it(workspace):
    """Inheritance is resolved first; `super()` and includes too."""
    workspace.write(
        "templates/_layouts/a.html",
        "<head><style>.x b { color: red; }</style></head>"
        '<div class="x">{% block top %}<b id="1">t</b>{% endblock %}'
        "{% block c %}{% endblock %}</div>",
    )
    workspace.write("templates/_parts/foot.html", '<b id="4">{{ v }}</b>')
    html = workspace.html(
        '{% extends "_layouts/a.html" %}{% block top %}{{ super() }}<b id="2">u</b>{% endblock %}'
        '{% block c %}<b id="3">v</b>{% include "_parts/foot.html" %}{% endblock %}',
        v="<w>",
    )
    for number in "1234":
        assert style_of(html, f'id="{number}"') == "color:red"
    assert "&lt;w&gt;" in html


def test_media_queries_and_states_stay_in_the_style_element(workspace):
    """What can't stand at an element is kept."""
    html = workspace.html(
        "<style>.a{color:red} a:hover{color:blue} @media (max-width:600px){.a{color:green "
        "!important}}</style><p class=a>x</p>"
    )
    kept = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert "@media" in kept
    assert "hover" in kept
    assert "color:red" not in kept.replace(" ", "")


def test_places_among_siblings_are_not_decided_before_a_loop_ran(workspace):
    """`:nth-child` and the like stay in the style element where a loop makes the siblings."""
    html = workspace.html(
        "<style>tr:nth-child(1) td { color: red; } td { margin: 0; }</style>"
        "<table>{% for v in 'ab' %}<tr><td>{{ v }}</td></tr>{% endfor %}</table>"
    )
    assert html.count('style="margin: 0;"') == 2
    assert "nth-child" in html


@pytest.mark.parametrize(("low", "expected"), [(True, "color:blue"), (False, "")])
def test_a_computed_class_gets_its_style_when_it_is_known(workspace, low, expected):
    """Whatever Jinja makes of the class, the rules for it are found."""
    html = workspace.html(
        STYLE + '<p id="p" class="{% if low %}low{% endif %}">x</p>'
        "<p id=\"q\" class=\"{{ 'low' if low else '' }}\">x</p>",
        low=low,
    )
    assert style_of(html, 'id="p"') == expected
    assert style_of(html, 'id="q"') == expected


def test_a_computed_class_from_a_cell_is_data(workspace):
    """A quote in it opens no attribute."""
    html = workspace.html(STYLE + '<p class="m {{ v }}">x</p>', v='a" onclick="x" <b>')
    assert 'onclick="' not in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ('style="color: green"', "color:green"),
        ('style="{% if 1 %}color: green{% endif %}"', "color:green"),
        ("style='margin: {{ 1 + 1 }}px'", "margin:2px"),
    ],
)
def test_an_elements_own_style_wins(workspace, own, wanted):
    """As in any browser: it comes last."""
    html = workspace.html(STYLE + f'<p class="a" id="p" {own}>x</p>').replace("'", '"')
    assert style_of(html, 'id="p"').endswith(wanted)


def test_nothing_is_fetched(workspace):
    """Linked and imported sheets are neither loaded from the net nor from the disk."""
    sheet = workspace.write("secret.css", ".a { color: red }")
    html = workspace.html(
        f'<link rel="stylesheet" href="file://{sheet}"><link rel="stylesheet" href="{sheet}">'
        '<link rel="stylesheet" href="http://127.0.0.1:1/x.css"><base href="http://127.0.0.1:1/">'
        "<style>@import url('http://127.0.0.1:1/y.css'); .b{margin:0}</style><p class=a>x</p>"
    )
    assert "red" not in html
    assert "<link" in html


def test_css_with_jinja_in_it_is_left_alone(workspace):
    """A computed stylesheet stays as it is."""
    html = workspace.html("<style>.a { color: {{ c }}; }</style><p class=a>x</p>", c="red")
    assert "<style>.a { color: red; }</style>" in html


def test_macros_of_another_file_are_styled_too(workspace):
    """`from ... import` brings macros in before the CSS is moved."""
    workspace.write(
        "templates/_parts/m.html", '{% macro card(t) %}<p class="a">{{ t }}</p>{% endmacro %}'
    )
    html = workspace.html(
        '{% from "_parts/m.html" import card as show %}' + STYLE + "{{ show('<x>') }}"
    )
    assert '<p style="color: red;" class="a">&lt;x&gt;</p>' in html


@pytest.mark.parametrize("css", [".a { color: red; } } } .b", ".a { color: ", "@media {", "{}{}}"])
def test_broken_css_is_passed_over(workspace, css):
    """The page is still there: mail programs pass over broken rules, too."""
    assert "<p" in workspace.html(f"<style>{css}</style><p class=a>x</p>")


def test_a_sheet_is_split_into_whole_rules():
    """Braces in strings and nested blocks are not borders; comments go."""
    css = "/* } */ a { content: '}'; } @media x { b { c: d } } @import 'x;y'; e{}"
    assert [prelude for prelude, _rule in split_rules(css)] == [
        "a",
        "@media x",
        "@import 'x;y';",
        "e",
    ]


def test_a_layouts_sheet_may_have_a_block_for_more(workspace):
    """`<style>{% block style %}` is one sheet: the page's own rules are moved like the layout's."""
    workspace.write(
        "templates/_layouts/a.html",
        '<html lang="{% block lang %}vi{% endblock %}"><style>.a{color:red}{# note #}'
        "{% block style %}{% endblock %}</style>{% block c %}{% endblock %}",
    )
    html = workspace.html(
        '{% extends "_layouts/a.html" %}{% block lang %}en{% endblock %}'
        "{% block style %}.low{color:blue} @media x{.low{margin:0}}{% endblock %}"
        '{% block c %}<p class="a">x</p><p class="low">y</p>{% endblock %}'
    )
    assert style_of(html, 'class="a"') == "color:red"
    assert style_of(html, 'class="low"') == "color:blue"
    assert re.sub(r"\s", "", html).startswith(
        '<htmllang="en"><style>@mediax{.low{margin:0}}</style>'
    )
