"""A compiled template, and how it is filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Template, TemplateSyntaxError, nodes

from notifier.errors import NotifierError
from notifier.render import markdown
from notifier.render.faults import explain, explain_syntax
from notifier.render.flatten import Flattener
from notifier.render.printing import RowContext, printers
from notifier.render.sandbox import Sandbox
from notifier.render.sources import MARKDOWN_LAYOUT, Sources

if TYPE_CHECKING:
    from pathlib import Path

    from notifier.render.filters import Formats
    from notifier.render.limits import Budget


class Page:
    """One compiled template of a campaign."""

    __slots__ = ("_eval_context", "_render", "_sandbox", "name")

    def __init__(self, sandbox: Sandbox, tree: nodes.Template, name: str) -> None:
        try:
            code = sandbox.compile(tree, name, name)
        except TemplateSyntaxError as exc:
            exc.name, exc.lineno = sandbox.locate(exc.lineno)
            raise explain_syntax(exc, name) from exc
        template = Template.from_code(sandbox, code, sandbox.globals)
        self.name = name
        self._sandbox = sandbox
        self._render = template.root_render_func
        self._render.__globals__.update(printers(sandbox.formats.plain))
        self._eval_context = nodes.EvalContext(sandbox, name)

    def render(self, context: dict[str, Any]) -> str:
        """The template filled in. Raises TemplateError with file and line."""
        sandbox = self._sandbox
        try:
            filled = RowContext(sandbox, context, self.name, self._eval_context)
            return sandbox.budget.gather(self._render(filled))
        except NotifierError:
            raise  # a picture that is not there: it has its place already
        except Exception as exc:
            # Whatever an expression raises (arithmetic, a wrong type) is the template's fault.
            raise explain(exc, sandbox, context) from exc


class Press:
    """The templates of one campaign, being compiled: one budget, one language, one zone."""

    def __init__(self, root: Path, formats: Formats, budget: Budget) -> None:
        self.sources = Sources(root)
        self.budget = budget
        self.formats = formats
        self.html = Sandbox(budget, formats, html=True)
        self.text = Sandbox(budget, formats, html=False, files=self.html.files)

    def flatten(self, name: str) -> nodes.Template:
        """The template file as one tree. Raises TemplateError."""
        sandbox = self.text if name.endswith(".txt") else self.html

        def parse(file: str) -> nodes.Template:
            return self._parse(sandbox, file, is_body=file == name)

        tree = Flattener(sandbox, self.sources, parse).flatten(name)
        for output in tree.find_all(nodes.Output):
            output.nodes = [self._settled(sandbox, child) for child in output.nodes]
        return tree

    def _settled(self, sandbox: Sandbox, node: nodes.Expr) -> nodes.Expr:
        """What depends on no name is printed now: `{{ "&nbsp;" | safe * 30 }}` is plain HTML.

        So that it does not count as a value that may be markup.
        """
        is_open = isinstance(node, (nodes.TemplateData, nodes.Name))
        if is_open or next(node.find_all(nodes.Name), None) is not None:
            return node
        tree = nodes.Template([nodes.Output([node], lineno=node.lineno)], lineno=node.lineno)
        tree.set_environment(sandbox)
        self.budget.begin()
        try:
            text = Page(sandbox, tree, "").render({})
        except NotifierError:
            return node  # told when the page is filled in, with its line
        return nodes.TemplateData(text, lineno=node.lineno)

    def _parse(self, sandbox: Sandbox, name: str, *, is_body: bool) -> nodes.Template:
        try:
            source = self.sources.read(name)
            if name.endswith(".md"):
                source = self._from_markdown(sandbox, source, name, is_body=is_body)
            return sandbox._parse(source, name, name)  # noqa: SLF001 - our own method, named by Jinja
        except TemplateSyntaxError as exc:
            lines = sandbox.line_maps.get(exc.name or name, {})
            exc.lineno = lines.get(exc.lineno, exc.lineno)
            raise explain_syntax(exc, name) from exc

    def _from_markdown(self, sandbox: Sandbox, source: str, name: str, *, is_body: bool) -> str:
        sandbox.parse(source, name, name)  # mistakes are told by the lines of the file as written
        page, lines = markdown.to_html(source, sandbox, name)
        sandbox.line_maps[name] = lines
        if is_body and next(sandbox.parse(source).find_all(nodes.Extends), None) is None:
            page = f'{{% extends "{MARKDOWN_LAYOUT}" %}}{{% block content %}}{page}{{% endblock %}}'
        return page

    def compile(self, tree: nodes.Template, name: str, *, is_html: bool) -> Page:
        """The tree as a page."""
        return Page(self.html if is_html else self.text, tree, name)

    def compile_text(self, source: str, name: str) -> Page:
        """A text that is written in the campaign's file, such as an attachment's path."""
        try:
            return Page(self.text, self.text._parse(source, name, name), name)  # noqa: SLF001 - our own method, named by Jinja
        except TemplateSyntaxError as exc:
            raise explain_syntax(exc, name) from exc
