"""A text template made from an HTML template, so that the HTML of each mail need not be converted.

The converter runs over the template as it runs over a finished page, a private character standing
for each expression and control block. What it prints in their place becomes the text template.
"""

from __future__ import annotations

import re
from dataclasses import replace

from jinja2 import nodes

from notifier.render.flatten import clone
from notifier.render.plaintext import ATOM, Converter
from notifier.render.skeleton import bodies, separate

#: Stand-ins are private-use characters, see `plaintext.ATOM`.
_FIRST_ATOM = 0xE000
_LAST_ATOM = 0xF8FF


class NotStaticError(Exception):
    """The template can't be turned into a text template: convert each finished HTML instead."""


#: Filters whose result is markup, or whose argument is.
_MARKUP_FILTERS = frozenset(
    {"safe", "e", "escape", "forceescape", "striptags", "_style", "_image", "urlize", "xmlattr"}
)


def text_template(tree: nodes.Template) -> nodes.Template:
    """The text template of a flattened HTML template. Raises NotStaticError."""
    _check_values(tree)
    copy: nodes.Template = clone(tree)
    _Translator().translate(copy.body)
    return copy


def _check_values(tree: nodes.Template) -> None:
    macros = (nodes.Macro, nodes.CallBlock, nodes.AssignBlock, nodes.FilterBlock)
    if next(tree.find_all(macros), None) is not None:
        raise NotStaticError
    if any(node.name in _MARKUP_FILTERS for node in tree.find_all(nodes.Filter)):
        raise NotStaticError


def _branches(node: nodes.If) -> list[list[nodes.Node]]:
    """The ways through a choice, of which exactly one is taken; an absent `else` is one too."""
    return [node.body, *(other.body for other in node.elif_), node.else_]


class _Translator:
    """Turns the lists of nodes of an HTML template into those of a text template, in place."""

    def __init__(self) -> None:
        self._converter = Converter()

    def translate(self, body: list[nodes.Node]) -> None:
        separate(body)
        atoms: dict[str, nodes.Node] = {}
        text = "".join(self._stand_in(node, atoms) for node in body)
        converted = self._convert(text, atoms)
        body[:] = [
            self._node(part, atoms, body)
            for part in re.split("([\ue000-\uf8ff])", converted)
            if part
        ]

    def _stand_in(self, node: nodes.Node, atoms: dict[str, nodes.Node]) -> str:
        if isinstance(node, nodes.Output) and isinstance(node.nodes[0], nodes.TemplateData):
            data = node.nodes[0].data
            if ATOM.search(data):
                raise NotStaticError
            return data
        # The same expression has the same stand-in: a link's address is not repeated behind it.
        for known, other in atoms.items():
            if isinstance(node, nodes.Output) and node == other:
                return known
        atom = chr(_FIRST_ATOM + len(atoms))
        if ord(atom) > _LAST_ATOM:
            raise NotStaticError
        atoms[atom] = node
        return atom

    def _convert(self, text: str, atoms: dict[str, nodes.Node]) -> str:
        translated: set[str] = set()

        def on_atom(atom: str) -> str:
            node = atoms[atom]
            if isinstance(node, nodes.Output):
                return "" if self._converter.state.hidden else atom
            self._translate_block(node)
            translated.add(atom)
            return atom

        outer, self._converter.on_atom = self._converter.on_atom, on_atom
        converted = self._converter.convert(text)
        self._converter.on_atom = outer
        for atom in set(ATOM.findall(converted)):
            if not isinstance(atoms[atom], nodes.Output) and atom not in translated:
                # A control block within an attribute (an address): not HTML, can't be translated.
                raise NotStaticError
        return converted

    def _translate_block(self, node: nodes.Node) -> None:
        before = replace(self._converter.state)
        is_choice = isinstance(node, nodes.If)
        branches = _branches(node) if isinstance(node, nodes.If) else list(bodies(node))
        ends = set() if is_choice else {before.outline()}
        for branch in branches:
            self._converter.state = replace(before)
            self.translate(branch)
            ends.add(self._converter.state.outline())
        if len(ends) > 1:
            raise NotStaticError

    def _node(self, part: str, atoms: dict[str, nodes.Node], body: list[nodes.Node]) -> nodes.Node:
        if part in atoms:
            node = atoms[part]
            return clone(node) if isinstance(node, nodes.Output) else node
        lineno = body[0].lineno
        leaf = nodes.TemplateData(part, lineno=lineno)
        return nodes.Output([leaf], lineno=lineno)
