"""CSS moved into `style` attributes once, when the campaign is compiled.

Many mail programs drop `<style>`, so the rules must stand at the elements. css-inline matches the
rules against the skeleton's tags, each numbered; only the resulting `style` attributes are taken
over. So its HTML parser may move and repair what it likes (a loop's text between table rows, say):
nothing of that reaches the mail.

What can't stand at an element stays in `<style>`: media queries, `:hover`, fonts, and whatever
depends on places among siblings where a loop decides how many siblings there are.

A class or id that Jinja computes is looked up when it is known: the element's attribute is passed
through `StyleBook`, which remembers each distinct value. Nothing is ever fetched.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import css_inline
from jinja2 import nodes, pass_context
from markupsafe import Markup

from notifier.errors import TemplateError
from notifier.locale import _
from notifier.render.skeleton import (
    CONTROL,
    STAND_INS,
    Attribute,
    Skeleton,
    Tag,
    scan_tags,
)
from notifier.render.sources import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from notifier.render.sandbox import Sandbox

#: The attribute that numbers the tags; nobody else writes it.
_NUMBER = "data-notifier-n"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
#: Selectors that depend on siblings, whose number a loop decides.
_SIBLINGS = re.compile(r":(?:nth-|first-|last-|only-|empty)|[+~]")
#: Never matched against: they point elsewhere.
_LEFT_OUT = frozenset({"link", "base", "script"})
#: Distinct computed classes remembered per element.
REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A `<style>` element: where it stands, and its rules."""

    tag: Tag
    css: str


def split_rules(css: str) -> Iterator[tuple[str, str]]:
    """The rules of a stylesheet as (prelude, whole text); nested blocks stay whole."""
    text = _COMMENT.sub(" ", css)
    start = depth = 0
    for found in re.finditer(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{};]", text):
        sign = found.group()
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth = max(depth - 1, 0)
        if depth == 0 and sign in {"}", ";"}:
            rule = text[start : found.end()].strip()
            yield rule.split("{", 1)[0].strip(), rule
            start = found.end()


class Stylist:
    """Inlines the CSS of one flattened template."""

    def __init__(self, tree: nodes.Template, sandbox: Sandbox) -> None:
        self._tree = tree
        self._sandbox = sandbox
        self._skeleton = Skeleton(tree)
        self._tags = list(scan_tags(self._skeleton.text))
        self._sheets = [sheet for tag in self._tags if (sheet := self._sheet(tag)) is not None]
        self._has_control = CONTROL in self._skeleton.text

    def _sheet(self, tag: Tag) -> _Sheet | None:
        if tag.name != "style" or tag.is_end:
            return None
        css = self._skeleton.text[tag.end : tag.content_end]
        return None if STAND_INS.search(css) else _Sheet(tag, css)

    def inline(self) -> None:
        """Move the rules into the tree's `style` attributes. Raises TemplateError."""
        if not self._sheets:
            return
        kept = [self._kept_apart(sheet.css) for sheet in self._sheets]
        page = self._page({}, kept)
        found = self._inlined(page)
        is_dynamic = [self._is_dynamic(tag) for tag in self._tags]
        dynamic = [
            number
            for number in self._starts()
            if is_dynamic[number] and self._computed(self._tags[number]) is not None
        ]
        for number in self._starts():
            style = found.get(number, "")
            if style and number not in dynamic:
                self._set_style(self._tags[number], style)
        if not any(is_dynamic) and not self._has_macros():
            self._trim_sheets(page, kept)
        self._skeleton.apply()
        if dynamic:
            self._look_up_later(dynamic, kept)

    def _starts(self) -> Iterator[int]:
        for number, tag in enumerate(self._tags):
            if not tag.is_end and tag.name not in _LEFT_OUT:
                yield number

    def _is_dynamic(self, tag: Tag) -> bool:
        return any(
            name in tag.attributes and tag.attributes[name].is_dynamic for name in ("class", "id")
        )

    def _has_macros(self) -> bool:
        return next(self._tree.find_all(nodes.Macro), None) is not None

    def _kept_apart(self, css: str) -> list[str]:
        """The rules of a sheet that must not be matched against a skeleton with loops in it."""
        if not self._has_control:
            return []
        return [
            rule
            for prelude, rule in split_rules(css)
            if not prelude.startswith("@") and _SIBLINGS.search(prelude)
        ]

    # --- the page that is matched ------------------------------------------------------------

    def _page(self, classes: dict[int, dict[str, str]], kept: list[list[str]]) -> str:
        """The skeleton without Jinja, its start tags numbered; `classes` fills in computed ones."""
        text = self._skeleton.text
        parts: list[str] = []
        position = 0
        sheet_number = 0
        for number, tag in enumerate(self._tags):
            parts.append(text[position : tag.start])
            position = tag.end
            if tag.is_end:
                parts.append(text[tag.start : tag.end])
            elif tag.name in _LEFT_OUT:
                position = max(tag.end, tag.content_end)
            else:
                parts.append(self._numbered(number, tag, classes.get(number, {})))
            if sheet_number < len(self._sheets) and tag is self._sheets[sheet_number].tag:
                parts.append(self._matched_css(sheet_number, kept))
                position = tag.content_end
                sheet_number += 1
        parts.append(text[position:])
        return STAND_INS.sub("", "".join(parts))

    def _matched_css(self, number: int, kept: list[list[str]]) -> str:
        css = _COMMENT.sub(" ", self._sheets[number].css)
        if not kept[number]:
            return css
        return "\n".join(rule for _prelude, rule in split_rules(css) if rule not in kept[number])

    def _numbered(self, number: int, tag: Tag, values: dict[str, str]) -> str:
        text = self._skeleton.text
        parts = [f'<{tag.name} {_NUMBER}="{number}"']
        for attribute in tag.attributes.values():
            if attribute.name == "style" and attribute.is_dynamic:
                continue
            if attribute.name in values:
                value = html.escape(values[attribute.name])
                parts.append(f'{attribute.name}="{value}"')
            else:
                parts.append(text[attribute.start : attribute.end])
        return " ".join(parts) + ">"

    def _inlined(self, page: str) -> dict[int, str]:
        """The style of each numbered tag, as it stands in an attribute."""
        styles: dict[int, str] = {}
        for tag in scan_tags(_inline(page, self._place())):
            number = tag.attributes.get(_NUMBER)
            style = tag.attributes.get("style")
            if number is not None and style is not None:
                styles[int(number.value)] = style.value.strip()
        return styles

    def _place(self) -> str:
        lineno = self._skeleton.line_at(self._sheets[0].tag.start)
        return place(*self._sandbox.locate(lineno))

    # --- the changes -------------------------------------------------------------------------

    def _set_style(self, tag: Tag, style: str) -> None:
        own = tag.attributes.get("style")
        replace = self._skeleton.replace
        if own is None:
            replace(tag.name_end, tag.name_end, f' style="{style}"')
        elif own.is_dynamic:
            # The element's own declarations come last: they win, as the cascade has it.
            replace(own.value_start, own.value_start, style.rstrip("; ").replace('"', "'") + "; ")
        else:
            replace(own.start, own.end, f'style="{style}"')

    def _trim_sheets(self, page: str, kept: list[list[str]]) -> None:
        """Leave in the `<style>` elements only what could not be moved."""
        left = _left_over(page, self._place())
        for number, sheet in enumerate(self._sheets):
            index = self._tags.index(sheet.tag)
            css = "\n".join([*self._still_useful(left.get(index, "")), *kept[number]])
            if css:
                self._skeleton.replace(sheet.tag.end, sheet.tag.content_end, f"\n{css}\n")
            else:
                end = self._skeleton.text.find(">", sheet.tag.content_end) + 1
                self._skeleton.replace(sheet.tag.start, end, "")

    def _still_useful(self, css: str) -> Iterator[str]:
        """The rules that may match later: at-rules and states, and all where values are markup."""
        has_markup = any(node.name == "safe" for node in self._tree.find_all(nodes.Filter))
        for prelude, rule in split_rules(css):
            if has_markup or ":" in prelude or prelude.startswith("@"):
                yield rule

    def _look_up_later(self, dynamic: list[int], kept: list[list[str]]) -> None:
        """Pass computed classes through a filter that knows the styles of each value."""
        book = StyleBook(lambda number, name, value: self._style_of(number, name, value, kept))
        self._sandbox.filters["_style"] = book.as_filter()
        skeleton = Skeleton(self._tree)
        tags = list(scan_tags(skeleton.text))
        for number in reversed(dynamic):
            self._wrap(skeleton, tags[number], number)

    def _wrap(self, skeleton: Skeleton, tag: Tag, number: int) -> None:
        attribute = self._computed(tag)
        if attribute is not None:
            option = f"{number} {attribute.name}"
            skeleton.wrap(attribute.value_start, attribute.value_end, "_style", option)

    def _computed(self, tag: Tag) -> Attribute | None:
        """The class or id whose values are looked up when they are known.

        None also where there is no room for another attribute: the rules that can be told without
        the value are moved then, and the sheet stays for the others.
        """
        attributes = tag.attributes
        found = attributes.get("class") or attributes.get("id")
        if "style" in attributes or found is None or not found.is_dynamic:
            return None
        return found if found.is_quoted else None

    def _style_of(self, number: int, name: str, value: str, kept: list[list[str]]) -> str:
        page = self._page({number: {name: value}}, kept)
        return self._inlined(page).get(number, "")


class StyleBook:
    """The styles of elements whose class or id is computed, by element and value."""

    def __init__(self, find: Callable[[int, str, str], str]) -> None:
        self._find = lru_cache(REMEMBERED)(find)

    def as_filter(self) -> Callable[..., Any]:
        """The filter for the attribute's value: puts a `style` attribute behind it."""
        return pass_context(lambda _context, value, option: self._put_style(value, option))

    def _put_style(self, value: Any, option: str) -> Markup:
        number, name = option.split(" ")
        style = self._find(int(number), name, html.unescape(str(value)))
        return Markup(f'{value}" style="{style}') if style else Markup(value)  # noqa: S704 - both are parts of the template's own markup, escaped where they hold data


def _inline(page: str, where: str, *, keep: bool = False) -> str:
    try:
        return css_inline.CSSInliner(
            keep_style_tags=keep,
            remove_inlined_selectors=keep,
            load_remote_stylesheets=False,
        ).inline(page)
    except css_inline.InlineError as exc:
        raise TemplateError(
            _("The CSS can't be read: {reason}.").format(reason=exc),
            where=where,
            next_step=_("Correct the `<style>` element."),
        ) from exc


def _left_over(page: str, where: str) -> dict[int, str]:
    """What stays of each numbered `<style>` element once its rules have been moved."""
    text = _inline(page, where, keep=True)
    left: dict[int, str] = {}
    for tag in scan_tags(text):
        number = tag.attributes.get(_NUMBER)
        if tag.name == "style" and number is not None:
            left[int(number.value)] = text[tag.end : tag.content_end].strip()
    return left
