"""Pictures that travel inside the message: `<img src="logo.png">` becomes `cid:...`.

A picture that every recipient gets is found when the campaign is compiled; one whose name Jinja
computes is found when the name is known. Files are looked for beside the template that names them,
then beside the campaign's template, and for computed names from the workspace's root too.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from jinja2 import nodes, pass_context
from markupsafe import Markup

from notifier.render.skeleton import Skeleton, Tag, scan_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from notifier.render.sandbox import Sandbox

#: Addresses that are not files of ours: another scheme, another host, a place in the page.
_ELSEWHERE = re.compile(r"(?!cid:)[a-zA-Z][a-zA-Z0-9+.-]*:|//|#|\Z")


def is_inline(source: str) -> bool:
    """Whether a `src` means a file that travels with the message."""
    return _ELSEWHERE.match(source.strip()) is None


def attach_images(
    tree: nodes.Template,
    sandbox: Sandbox,
    attach: Callable[[str, int], str],
    attach_later: Callable[[str, int], str],
) -> bool:
    """Point the tree's `<img>` at their Content-IDs; whether some are known only per recipient."""
    skeleton = Skeleton(tree)
    for tag in _pictures(skeleton):
        source = tag.attributes["src"]
        if not source.is_dynamic and is_inline(source.value):
            lineno = skeleton.line_at(tag.start)
            name = html.unescape(source.value.strip()).removeprefix("cid:")
            content_id = attach(name, lineno)
            skeleton.replace(source.start, source.end, f'src="cid:{content_id}"')
    skeleton.apply()
    return _wrap_computed(tree, sandbox, attach_later)


def _pictures(skeleton: Skeleton) -> list[Tag]:
    return [
        tag
        for tag in scan_tags(skeleton.text)
        if tag.name == "img" and not tag.is_end and "src" in tag.attributes
    ]


def _wrap_computed(
    tree: nodes.Template, sandbox: Sandbox, attach: Callable[[str, int], str]
) -> bool:
    skeleton = Skeleton(tree)
    wrapped = False
    for tag in reversed(_pictures(skeleton)):
        source = tag.attributes["src"]
        if source.is_dynamic and source.value_start >= 0:
            lineno = str(skeleton.line_at(tag.start))
            wrapped |= skeleton.wrap(source.value_start, source.value_end, "_image", lineno)

    def point(_context: Any, value: Any, lineno: str) -> Any:
        name = html.unescape(str(value)).strip()
        if not is_inline(name):
            return value
        return Markup("cid:" + attach(name.removeprefix("cid:"), int(lineno)))  # noqa: S704 - a Content-ID is made of letters and digits

    sandbox.filters["_image"] = pass_context(point)
    return wrapped
