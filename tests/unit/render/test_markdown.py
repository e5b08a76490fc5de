from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

LAYOUT = "{% block content %}{% endblock %}"
ROWS = ({"m": "Toán", "d": 8.5}, {"m": "Văn", "d": 7})


def fill(workspace, body, **columns):
    """The HTML of a Markdown body without a layout around it."""
    workspace.write("templates/_layouts/markdown.html", LAYOUT)
    html = workspace.html(body, name="grades/body.md", **columns)
    return re.sub(r"\n+", "\n", html).strip()


HOSTILE = "**b** _i_ `c` <script> [x](javascript:1) # h\n- l\n| t | {{ 7 * 7 }} {% if %} &amp; \\*"


def test_a_value_is_never_markdown_or_markup(workspace):
    """Stars, angles, links, braces in a cell are read literally."""
    html = fill(workspace, "**{{ v }}**", v=HOSTILE)
    assert html.startswith(
        "<p><strong>**b** _i_ `c` &lt;script&gt; [x](javascript:1) # h\n- l\n| t |"
    )
    assert "{{ 7 * 7 }} {% if %} &amp;amp; \\*</strong></p>" in html


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("# {{ v }}", "<h1>V</h1>"),
        ("**{{ v }}** _{{ v }}_ `{{ v }}`", "<p><strong>V</strong> <em>V</em> <code>V</code></p>"),
        (
            "[{{ v }}](https://x.example/{{ v }}?a=1)",
            '<p><a href="https://x.example/V?a=1">V</a></p>',
        ),
        ("<{{ v }}>", '<p><a href="V">V</a></p>'),
        (
            "![{{ v }}](https://x.example/{{ v }}.png)",
            '<p><img src="https://x.example/V.png" alt="V" /></p>',
        ),
        ("{% if v %}a{% else %}b{% endif %} c", "<p>a c</p>"),
        ("{{ 'a' if v > '<' else \"b\" }}", "<p>a</p>"),
        ("a\n{% if v %}\nb\n{% endif %}\nc", "<p>a\nb\nc</p>"),
        ("{% if v %}\n# a\n{% else %}\n# b\n{% endif %}", "<h1>a</h1>"),
        ("{% for r in w %}\n- {{ r }}\n{% endfor %}", "<ul>\n<li>1</li>\n<li>2</li>\n</ul>"),
        ("{% for r in w %}\n\n- {{ r }}\n\n{% endfor %}", "<ul>\n<li>1</li>\n<li>2</li>\n</ul>"),
        (
            "{% for r in w %}\n{% set k = r %}\n- {{ k }}\n{% endfor %}",
            "<ul>\n<li>1</li>\n<li>2</li>\n</ul>",
        ),
        ("- a\n{% if not v %}\n- b\n{% endif %}\n- c", "<ul>\n<li>a</li>\n<li>c</li>\n</ul>"),
        (
            "1. a\n{% for r in w %}\n1. {{ r }}\n{% endfor %}",
            "<ol>\n<li>a</li>\n<li>1</li>\n<li>2</li>\n</ol>",
        ),
        (
            "{% for r in w %}\n## {{ r }}\n\ntext\n{% endfor %}\nend",
            "<h2>1</h2>\n<p>text</p>\n<h2>2</h2>\n<p>text</p>\n<p>end</p>",
        ),
        ("{% if v %}\n- a\n{% else %}\nText\n{% endif %}", "<ul>\n<li>a</li>\n</ul>"),
        ("> {{ v }}\n{% if v %}\n> b\n{% endif %}", "<blockquote>\n<p>V\nb</p>\n</blockquote>"),
        ("{# note #}\na{# x #}b", "<p>ab</p>"),
        ("{% raw %}{{ x }}{% endraw %}", "<p>{{ x }}</p>"),
        ("```\n{{ v }} <b>\n```", "<pre><code>V &lt;b&gt;\n</code></pre>"),
        ("a  \nb", "<p>a<br />\nb</p>"),
        ("<b>{{ v }}</b>", "<p><b>V</b></p>"),
        ("{% set a = 1 %}\n{{ a }}", "<p>1</p>"),
        (
            "{% for r in w %}\n{% if r == 2 %}\n- {{ r }}\n{% endif %}\n{% endfor %}",
            "<ul>\n<li>2</li>\n</ul>",
        ),
    ],
)
def test_markdown_and_jinja_together(workspace, body, expected):
    """Tags within lines stay in the line; those on lines of their own stand between blocks."""
    assert fill(workspace, body, v="V", w=[1, 2]) == expected


def test_rows_of_a_table_may_be_looped(workspace):
    """The loop stands between the rows, in the table's body."""
    body = (
        "| Môn | Điểm |\n|---|--:|\n{% for r in w %}\n{% if r.d %}\n| {{ r.m }} | {{ r.d }} |\n"
        "{% endif %}\n{% endfor %}\n\nHết."
    )
    html = fill(workspace, body, w=ROWS)
    assert html.count("<tr>") == 3
    assert html.count("<table>") == 1
    assert '<td>Toán</td>\n<td style="text-align:right">8,5</td>' in html
    assert html.endswith("</table>\n<p>Hết.</p>")


def test_the_built_in_layout_makes_it_look_good_on_a_phone(workspace):
    """Without a layout of its own, a workspace's Markdown gets one, its CSS inlined."""
    html = workspace.html("# Chào {{ name }}\n\n- a\n", name="grades/body.md")
    assert 'name="viewport"' in html
    assert "max-width: 600px" in html
    assert re.search(r"<h1 style=\"[^\"]+\">Chào Nguyễn Văn An</h1>", html)


def test_a_body_may_choose_its_layout(workspace):
    """`extends` and blocks work in Markdown."""
    workspace.write("templates/_layouts/a.html", "<i>{% block c %}{% endblock %}</i>")
    body = '{% extends "_layouts/a.html" %}\n{% block c %}\n# T\n\nx\n{% endblock %}\n'
    html = workspace.html(body, name="grades/body.md")
    assert re.sub(r"\s", "", html) == "<i><h1>T</h1><p>x</p></i>"


def test_markdown_may_be_included(workspace):
    """A part in Markdown, in Markdown or in HTML, without another layout around it."""
    workspace.write("templates/_parts/p.md", "**{{ v }}**")
    assert "<p><strong>1</strong></p>" in workspace.html(
        '<div>{% include "_parts/p.md" %}</div>', v=1
    )
    (workspace.root / "templates/grades/body.html").unlink()
    assert fill(workspace, 'a\n\n{% include "_parts/p.md" %}', v=1).endswith(
        "<p><strong>1</strong></p>"
    )


def test_the_text_is_made_from_it(workspace):
    """Readable without HTML."""
    body = (
        "# Kết quả\n\nChào **{{ name }}**,\n\n| Môn | Điểm |\n|---|---|\n{% for r in v %}\n"
        "| {{ r.m }} | {{ r.d }} |\n{% endfor %}\n\n[Xem](https://x.example)\n"
    )
    text = workspace.text(body, name="grades/body.md", v=ROWS)
    assert text == (
        "Kết quả\n\nChào Nguyễn Văn An,\n\nMôn: Điểm\nToán: 8,5\nVăn: 7\n\nXem <https://x.example>\n"
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(
            ["# a", "- b", "  c", "", "| d | e |", "|---|---|", "> f", "1. g", "h", "```"]
        ),
        max_size=12,
    )
)
def test_without_jinja_it_is_plain_commonmark(tmp_path_factory, lines):
    """Taking tags out and putting them back changes nothing where there are none."""
    from jinja2 import Environment

    from notifier.render.markdown import to_html

    source = "\n".join(lines)
    expected = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source)
    )
    assert to_html(source, Environment(keep_trailing_newline=True), "x")[0] == expected


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.recursive(
        st.sampled_from(
            [
                "# a\n",
                "- b\n",
                "  c\n",
                "\n",
                "| d | e |\n|---|---|\n| f | g |\n",
                "| h | i |\n",
                "> j\n",
                "k {{ v }}\n",
                "```\n",
            ]
        ).map(lambda s: [s]),
        lambda inner: (
            st.lists(inner, max_size=4).map(
                lambda parts: [
                    "{% if v %}\n",
                    *(p for part in parts for p in part),
                    "{% else %}\n",
                    "l\n",
                    "{% endif %}\n",
                ]
            )
            | st.lists(inner, max_size=4).map(
                lambda parts: [
                    "{% for i in w %}\n",
                    *(p for part in parts for p in part),
                    "{% endfor %}\n",
                ]
            )
        ),
        max_leaves=12,
    )
)
def test_tags_come_back_in_order_whatever_stands_around_them(parts):
    """Each tag once and in its place, and the page compiles; else the document is refused."""
    from jinja2 import Environment, TemplateSyntaxError

    from notifier.render.markdown import to_html

    source = "".join(parts)
    environment = Environment(autoescape=True)
    try:
        html, lines = to_html(source, environment, "x")
    except TemplateSyntaxError as exc:
        assert exc.lineno  # noqa: PT017 - refusing is the other promise
        return
    found = re.findall(r"\{[%{].*?[%}]\}", html)
    assert found == re.findall(r"\{[%{].*?[%}]\}", source)
    environment.parse(html)
    assert len(lines) == html.count("\n") + 1
