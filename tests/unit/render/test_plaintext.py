from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.render.filters import Formats
from notifier.render.limits import Budget
from notifier.render.pages import Page
from notifier.render.plaintext import from_html
from notifier.render.sandbox import Sandbox
from notifier.render.text_layout import finish
from notifier.render.text_template import NotStaticError, text_template

PAGES = [
    ("<p>a</p><p>b</p>", "a\n\nb\n"),
    ("<h1>Tiêu đề</h1>\n<p>a\n  b&nbsp;c &amp; d &lt;e&gt;</p>", "Tiêu đề\n\na b\xa0c & d <e>\n"),
    ("a<br>b<br/>c<hr>d", "a\nb\nc\n\n------------------------\n\nd\n"),
    ("<a href='https://x.example/?a=1&amp;b=2'>Xem</a>", "Xem <https://x.example/?a=1&b=2>\n"),
    ("<a href='https://x.example/'>x.example</a>", "x.example\n"),
    ("<a href='mailto:a@x.example'>a@x.example</a>", "a@x.example\n"),
    ("<a href='https://x.example'><img src='x' alt='Nút'></a>", "[Nút] <https://x.example>\n"),
    ("<a name='x'>x</a><a href='#x'>y</a>", "xy\n"),
    ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "- a\n- b\n  - c\n"),
    ("<ol start='3'><li>a</li><li>b</li></ol>", "3. a\n4. b\n"),
    ("<style>p{}</style><script>x</script><title>t</title><p>a</p>", "a\n"),
    ("<div style='display:none'>pre<div>x</div></div><p>a</p>", "a\n"),
    ("<!-- c --><p>a<!--[if mso]>b<![endif]--></p>", "a\n"),
    ("<pre>a\n  b</pre>", "a\n  b\n"),
    (
        "<table><tr><th>Môn</th><th>Điểm</th></tr><tr><td>Toán</td><td>8,5</td></tr></table>",
        "Môn: Điểm\nToán: 8,5\n",
    ),
    (
        (
            "<table><tr><th>Thứ</th><th>Tiết</th><th>Phòng</th></tr>"
            "<tr><td>Hai</td><td>1-2</td><td>A1</td></tr>"
            "<tr><td>Ba</td><td>10</td><td></td></tr></table>"
        ),
        "Thứ  Tiết  Phòng\nHai  1-2   A1\nBa   10\n",
    ),
    (
        (
            "<table role='presentation'><tr><td>"
            "<table><tr><td>a</td><td>b</td></tr></table></td></tr>"
            "<tr><td><p>c</p></td></tr></table>"
        ),
        "a: b\n\nc\n",
    ),
    ("<table><tr><td><p>a</p></td><td><p>b</p><p>c</p></td></tr></table>", "a\nb\n\nc\n"),
    ("<table><caption>Bảng</caption><tr><td>a</td><td>b</td></tr></table>", "Bảng\na: b\n"),
    ("<table></table>x", "x\n"),
    ("", "\n"),
    ("<p>unclosed <b>a <a href='x'>b", "unclosed a b\n"),
    ("</a></table></ul></li>x", "x\n"),
]


@pytest.mark.parametrize(("page", "expected"), PAGES)
def test_a_page_reads_well_as_text(page, expected):
    """Paragraphs, links, lists and tables, without what is not meant to be read."""
    assert from_html(page) == expected


@pytest.mark.parametrize(("page", "_expected"), PAGES)
def test_both_ways_give_the_same_text(press, page, _expected):
    """The text template, filled in, reads as the finished HTML converted."""
    assert by_template(press, page, {}) == from_html(page)


def by_template(press, source, context):
    """The text by way of a text template."""
    tree = press.html._parse(source, "x.html", "x.html")
    page = press.compile(text_template(tree), "x.html", is_html=False)
    press.budget.begin()
    return finish(page.render({**press.text.globals, **context}))


def by_page(press, source, context):
    """The text by way of the finished HTML."""
    tree = press.html._parse(source, "x.html", "x.html")
    page = Page(press.html, tree, "x.html")
    press.budget.begin()
    return from_html(page.render({**press.html.globals, **context}))


TEMPLATES = [
    "<p>Chào {{ v }}, <b>{{ v }}</b></p>",
    "<a href='https://x.example/{{ v }}'>Xem {{ v }}</a>",
    "<a href='{{ v }}'>{{ v }}</a><a href=\"{{ 'https://x.example' }}\">x</a>",
    "{% for i in w %}<p>{{ loop.index }} {{ i }}</p>{% else %}<p>none</p>{% endfor %}",
    "<ul>{% for i in w %}<li>{{ i }}</li>{% endfor %}</ul>",
    "<table>{% for i in w %}<tr><td>{{ i }}</td><td>{{ v }}</td></tr>{% endfor %}</table>",
    (
        "<table><tr>{% for i in w %}<th>{{ i }}</th>{% endfor %}</tr>"
        "<tr>{% for i in w %}<td>{{ v }}</td>{% endfor %}</tr></table>"
    ),
    "<ol><li>a</li>{% if w %}<li>b</li>{% else %}<li>c</li>{% endif %}<li>d</li></ol>",
    "{% if w %}<p>a</p>{% elif v %}<p>b</p>{% else %}<p>c</p>{% endif %}d",
    "<div{% if w %} class='x'{% endif %}>{{ v }}</div>",
    "<div class='{{ v }}' title='{{ v }}'>a</div>",
    "{% set x = v %}<p>{{ x }}</p>{% with y = v %}{{ y }}{% endwith %}",
    "<title>{{ v }}</title><style>{{ v }}</style><p>a</p>",
    "<div style='display:none'>{% if w %}{{ v }}{% endif %}</div>b",
    "<pre>  {{ v }}</pre>",
    "a {{ v }}<br>{{ v }} b {{ v }} {{ v }}",
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("words", [[], ["một"], ["một", "hai", "ba <b>"]])
def test_a_text_template_says_what_the_page_says(press, template, words):
    """For every way through the template's loops and branches."""
    context = {"v": "Nguyễn <An> & co", "w": words}
    assert by_template(press, template, context) == by_page(press, template, context)


@pytest.mark.parametrize(
    "template",
    [
        "{{ v | safe }}",
        "{% macro m() %}<b>x</b>{% endmacro %}{{ m() }}",
        "{% if v %}<ul>{% endif %}<li>a</li></ul>",
        "<a href='{% if v %}x{% endif %}'>y</a>",
        "{% for i in v %}<a href='x'>{% endfor %}y",
        "{% set x %}<b>y</b>{% endset %}{{ x }}",
        "<ol>{% for i in v %}<li>{{ i }}</li>{% endfor %}</ol>",
    ],
)
def test_what_can_not_be_translated_is_converted_when_finished(press, workspace, template):
    """Markup in values, elements across branches, numbered loops: the slow way, and right."""
    tree = press.html._parse(template, "x.html", "x.html")
    with pytest.raises(NotStaticError):
        text_template(tree)
    assert workspace.text(template, v="ab")


def test_numbers_of_a_list_go_on_through_a_loop(workspace):
    """A numbered list that a loop makes is counted."""
    text = workspace.text("<ol>{% for i in 'ab' %}<li>{{ i }}</li>{% endfor %}<li>c</li></ol>")
    assert text == "1. a\n2. b\n3. c\n"


def test_a_wide_table_becomes_labelled_lines():
    """Wider than a phone: each row as `label: value`."""
    cell = "x" * 40
    page = (
        "<table><tr><th>A</th><th>B</th><th>C</th></tr>"
        f"<tr><td>{cell}</td><td>{cell}</td><td></td></tr></table>"
    )
    assert from_html(page) == f"A: {cell}\nB: {cell}\n"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "<a href='x:y'>",
                "</a>",
                "<ul>",
                "</ul>",
                "<ol>",
                "</ol>",
                "<li>",
                "<table>",
                "</table>",
                "<tr>",
                "<td>",
                "<th>",
                "</td>",
                "<pre>",
                "</pre>",
                "a b",
                " ",
                "<div style='display:none'>",
                "</div>",
                "<!--",
                "-->",
                "<",
                ">",
                "&",
                "\x02",
                "\x1e",
                "<style>",
                "</style>",
                "\x03",
                "\x1f",
                "<br",
            ]
        ),
        max_size=30,
    )
)
def test_no_page_is_too_broken(parts):
    """Whatever the HTML, there is a text, without signs of ours."""
    text = from_html("".join(parts))
    assert not set(text) & set("\x02\x03\x1c\x1d\x1e\x1f")
    assert text.endswith("\n")


def test_values_may_hold_private_characters():
    """Stand-ins are the template's; a value that looks like one is printed as it is."""
    budget, formats = Budget(1.0, 1000), Formats("en", "UTC")
    html = Sandbox(budget, formats, html=True)
    tree = html._parse("<p>{{ v }}</p>", "x", "x")
    page = Page(Sandbox(budget, formats, html=False), text_template(tree), "x")
    assert page.render({"v": "\ue000\ue001"}).strip() == "\ue000\ue001"
    with pytest.raises(NotStaticError):
        text_template(html._parse("<p>\ue000</p>", "x", "x"))


def test_markup_that_is_no_value_does_not_stand_in_the_way(press):
    """`{{ "&nbsp;" | safe * 30 }}` is settled when the template is read."""
    folder = press.sources.folder
    folder.mkdir()
    (folder / "x.html").write_text('<p>{{ "&lt;" | safe * 2 }}{{ "<" * 2 }}{{ v }}</p>')
    tree = press.flatten("x.html")
    page = press.compile(text_template(tree), "x.html", is_html=False)
    assert page.render({"v": "<"}).strip() == "<<<<<"
