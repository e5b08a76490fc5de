"""Inheritance resolved once: `extends`, `block`, `super()` and `include` become one tree.

What depends on a whole page (CSS inlining, the text made from HTML, inline images) can then be
done once, on a tree that has nothing left to load. Names of files must be plain texts: a cell can't
choose a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import nodes

from notifier.errors import TemplateError
from notifier.locale import _
from notifier.render.sources import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from notifier.render.sandbox import Sandbox
    from notifier.render.sources import Sources

#: Files within files; deeper is a circle.
MAX_DEPTH = 20


def clone(node: Any) -> Any:
    """A copy of a tree that shares nothing but the environment."""
    copy: Any = object.__new__(type(node))
    for name in node.fields:
        setattr(copy, name, _clone_value(getattr(node, name, None)))
    for name in node.attributes:
        setattr(copy, name, getattr(node, name, None))
    return copy


def _clone_value(value: Any) -> Any:
    if isinstance(value, nodes.Node):
        return clone(value)
    if isinstance(value, list):
        return [_clone_value(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_clone_value(item) for item in value)
    return value


class Flattener:
    """Builds one tree from a template and everything it extends and includes."""

    def __init__(
        self, sandbox: Sandbox, sources: Sources, parse: Callable[[str], nodes.Template]
    ) -> None:
        self._sandbox = sandbox
        self._sources = sources
        self._parse = parse

    def flatten(self, name: str) -> nodes.Template:
        """The template `name` as one tree. Raises TemplateError with file and line."""
        tree = nodes.Template(self._page(name, 0), lineno=1)
        tree.set_environment(self._sandbox)
        return tree

    def _page(self, name: str, depth: int) -> list[nodes.Node]:
        if depth > MAX_DEPTH:
            raise TemplateError(
                _("Templates include or extend each other in a circle."),
                where=place(name),
                next_step=_("Remove one of the `include` or `extends` lines."),
            )
        chain = self._chain(name)
        blocks: dict[str, list[nodes.Block]] = {}
        for tree in chain:
            for block in tree.find_all(nodes.Block):
                blocks.setdefault(block.name, []).append(block)
        prelude = [node for tree in chain[:-1] for node in tree.body if _is_prelude(node)]
        page = _Page(self, blocks, depth)
        return page.expand([*prelude, *chain[-1].body])

    def _chain(self, name: str) -> list[nodes.Template]:
        chain = [self._parse(name)]
        while (parent := self._parent(chain[-1])) is not None:
            if len(chain) > MAX_DEPTH:
                raise TemplateError(
                    _("Templates include or extend each other in a circle."),
                    where=place(name),
                    next_step=_("Remove one of the `include` or `extends` lines."),
                )
            chain.append(self._parse(parent))
        return chain

    def _parent(self, tree: nodes.Template) -> str | None:
        for node in tree.find_all(nodes.Extends):
            if node not in tree.body:
                raise self._refuse(node, _("`extends` must stand at the top of the file."))
            return self.find(node, node.template)
        return None

    def find(self, node: nodes.Node, template: nodes.Node) -> str:
        """The file that an `extends` or `include` names. Raises TemplateError."""
        origin, line = self._sandbox.locate(node.lineno)
        for name in self._names(node, template):
            found = self._sources.find(name, origin=origin)
            if found is not None:
                return found
        raise self._sources.missing(self._names(node, template)[0], origin=origin, line=line)

    def is_there(self, node: nodes.Include) -> bool:
        """Whether one of the files that an `include` names exists."""
        origin = self._sandbox.locate(node.lineno)[0]
        names = self._names(node, node.template)
        return any(self._sources.find(name, origin=origin) is not None for name in names)

    def _names(self, node: nodes.Node, template: nodes.Node) -> list[str]:
        items = template.items if isinstance(template, (nodes.List, nodes.Tuple)) else [template]
        names = [item.value for item in items if isinstance(item, nodes.Const)]
        if len(names) != len(items) or not all(isinstance(name, str) for name in names):
            raise self._refuse(
                node, _("The name of a template file must be written out, not computed.")
            )
        return [str(name) for name in names]

    def _refuse(self, node: nodes.Node, message: str) -> TemplateError:
        return TemplateError(
            message,
            where=place(*self._sandbox.locate(node.lineno)),
            next_step=_("Write the name in quotes, as in {example}.").format(
                example='{% include "_parts/footer.html" %}'
            ),
        )

    def macros(self, node: nodes.FromImport, depth: int) -> Iterator[nodes.Node]:
        """What `{% from "file" import name %}` brings in."""
        page = self._page(self.find(node, node.template), depth + 1)
        kept = (nodes.Macro, nodes.Assign, nodes.AssignBlock)
        yield from (item for item in page if isinstance(item, kept))
        for name in node.names:
            if isinstance(name, tuple):
                target = nodes.Name(name[1], "store", lineno=node.lineno)
                source = nodes.Name(name[0], "load", lineno=node.lineno)
                yield nodes.Assign(target, source, lineno=node.lineno)

    def included(self, node: nodes.Include, depth: int) -> list[nodes.Node]:
        """The page that an `include` brings in; nothing where it may be missing and is."""
        if node.ignore_missing and not self.is_there(node):
            return []
        body = self._page(self.find(node, node.template), depth + 1)
        return scoped(body, node.lineno)

    def refuse_import(self, node: nodes.Import) -> TemplateError:
        """The error for `import ... as`, which would hide macros from the CSS inliner."""
        return TemplateError(
            _("`import ... as` is not supported."),
            where=place(*self._sandbox.locate(node.lineno)),
            next_step=_("Write {example}.").format(
                example='{% from "_parts/cards.html" import card %}'
            ),
        )


class _Page:
    """The expansion of one page: its blocks are known."""

    def __init__(
        self, flattener: Flattener, blocks: dict[str, list[nodes.Block]], depth: int
    ) -> None:
        self._flattener = flattener
        self._blocks = blocks
        self._depth = depth

    def expand(
        self, body: Iterable[nodes.Node], block: str = "", level: int = 0
    ) -> list[nodes.Node]:
        """The nodes with everything resolved; `block` and `level` say what `super()` means."""
        found: list[nodes.Node] = []
        for node in body:
            found.extend(self._expand_node(node, block, level))
        return found

    def _expand_node(self, node: nodes.Node, block: str, level: int) -> Iterable[nodes.Node]:
        if isinstance(node, nodes.Extends):
            return ()
        if isinstance(node, nodes.Block):
            return self._block(node.name, 0, node.lineno)
        if isinstance(node, nodes.Include):
            return self._flattener.included(node, self._depth)
        if isinstance(node, nodes.FromImport):
            return self._flattener.macros(node, self._depth)
        if isinstance(node, nodes.Import):
            raise self._flattener.refuse_import(node)
        if isinstance(node, nodes.Output):
            return self._output(node, block, level)
        return [self._inside(node, block, level)]

    def _block(self, name: str, level: int, lineno: int) -> list[nodes.Node]:
        versions = self._blocks[name]
        body = versions[level].body if level < len(versions) else []
        return scoped(self.expand(body, name, level), lineno)

    def _output(self, node: nodes.Output, block: str, level: int) -> Iterator[nodes.Node]:
        for child in node.nodes:
            if block and _is_super(child):
                yield from self._block(block, level + 1, child.lineno)
            else:
                yield nodes.Output([clone(child)], lineno=child.lineno)

    def _inside(self, node: nodes.Node, block: str, level: int) -> nodes.Node:
        copy = type(node).__new__(type(node))
        for name in node.attributes:
            setattr(copy, name, getattr(node, name, None))
        for name in node.fields:
            value = getattr(node, name, None)
            if name in {"body", "else_", "elif_"} and isinstance(value, list):
                setattr(copy, name, self.expand(value, block, level))
            else:
                setattr(copy, name, _clone_value(value))
        return copy


def scoped(body: list[nodes.Node], lineno: int) -> list[nodes.Node]:
    """The nodes, in a scope of their own where they set names.

    Without one where they don't, so that a layout's `<style>{% block style %}` is one piece of CSS.
    """
    setting = (nodes.Assign, nodes.AssignBlock, nodes.Macro)
    if any(isinstance(node, setting) for node in body):
        return [nodes.Scope(body, lineno=lineno)]
    return body


def _is_super(node: nodes.Node) -> bool:
    return (
        isinstance(node, nodes.Call)
        and isinstance(node.node, nodes.Name)
        and node.node.name == "super"
    )


def _is_prelude(node: nodes.Node) -> bool:
    """What runs in a derived template outside its blocks: settings and macros, no output."""
    return not isinstance(node, (nodes.Output, nodes.Block, nodes.Extends, nodes.Include))
