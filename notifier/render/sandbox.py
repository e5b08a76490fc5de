"""The sandbox that templates and expressions run in.

Jinja's immutable sandbox, narrowed: text methods come from a list, operators and counts are
bounded (`limits.py`), nothing random or hidden is in reach, and an undefined name says which name
was meant.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from notifier.locale import _
from notifier.render.limits import MAX_RANGE, Budget, OutOfBoundsError
from notifier.render.printing import PrintingGenerator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2.runtime import Context

    from notifier.render.filters import Formats

#: Methods of a text that a template may call; the others can make texts without bound.
TEXT_METHODS = frozenset(
    """
    capitalize casefold center count endswith find index isalnum isalpha isascii isdecimal isdigit
    islower isnumeric isspace istitle isupper ljust lower lstrip partition removeprefix
    removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith
    strip swapcase title upper zfill
    """.split()  # noqa: SIM905 - a word a line would fill a page
)
#: Filters that take a width or a count.
_MEASURED = ("batch", "center", "indent", "round", "slice", "truncate", "wordwrap")
#: Not deterministic, made for debugging, or a second way to what the sandbox guards.
_REMOVED = ("attr", "format", "pprint", "random", "tojson", "urlize", "xmlattr")
_MAX_LINE_BITS = 20


class UnknownNameError(UndefinedError):
    """A name that is not there; `owner` is what was asked for it, None for the template itself."""

    def __init__(self, message: str | None, *, name: Any, owner: Any, hint: str | None) -> None:
        super().__init__(message)
        self.name = name
        self.owner = owner
        self.hint = hint


class Missing(StrictUndefined):
    """An undefined value that fails with its name at hand."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: Any = None, name: Any = None, exc: Any = None
    ) -> None:
        arguments = {} if obj is None else {"obj": obj}
        super().__init__(hint, name=name, **arguments)
        if exc is None or exc is UndefinedError:
            owner = self._undefined_obj
            exc = functools.partial(
                UnknownNameError,
                name=name,
                owner=None if isinstance(owner, type(_MISSING_OWNER)) else owner,
                hint=hint,
            )
        self._undefined_exception = exc


_MISSING_OWNER = StrictUndefined(name="x")._undefined_obj  # noqa: SLF001 - Jinja has no public name for "no owner"


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one campaign: its files, its formats and its budget."""

    code_generator_class = PrintingGenerator

    def __init__(
        self, budget: Budget, formats: Formats, *, html: bool, files: list[str] | None = None
    ) -> None:
        super().__init__(
            undefined=Missing,
            autoescape=html,
            finalize=formats.plain,
            extensions=["jinja2.ext.loopcontrols"],
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.intercepted_binops = frozenset({"*", "**", "+", "%"})
        self.budget = budget
        self.formats = formats
        #: The files that were parsed, in the order of the numbers in `nodes.lineno`.
        self.files: list[str] = [] if files is None else files
        #: For a file made from another (Markdown): its lines in the original.
        self.line_maps: dict[str, Mapping[int, int]] = {}
        self._narrow()
        self.filters.update(formats.filters())

    def _narrow(self) -> None:
        for name in _REMOVED:
            self.filters.pop(name, None)
        for name in _MEASURED:
            self.filters[name] = self._measure(self.filters[name])
        self.filters["replace"] = self._replace
        self.filters["join"] = self._sized_after(self.filters["join"])
        self.filters.update(
            _bounded=pass_context(lambda _context, items: self.budget.bounded(items)),
            _sized=pass_context(lambda _context, value: self.budget.sized(value)),
            _tick=pass_context(lambda _context, _value: self.budget.draw(1)),
        )
        self.globals.pop("lipsum", None)
        self.globals.pop("cycler", None)
        self.globals["range"] = self._range

    # --- bounds ------------------------------------------------------------------------------

    def _range(self, *arguments: int) -> range:
        numbers = range(*arguments)
        if len(numbers) > MAX_RANGE:
            raise OutOfBoundsError(
                _("range() has more than {count} numbers").format(count=MAX_RANGE)
            )
        return numbers

    def _measure(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            self.budget.check_arguments(arguments)
            self.budget.check_arguments(named.values())
            return self.budget.sized(function(*arguments, **named))

        return measured

    def _sized_after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def sized(eval_ctx: Any, value: Any, d: Any = "", attribute: Any = None) -> Any:
            items = list(self.budget.bounded(value))
            longest = max(map(len, filter(_is_text, items)), default=0) + len(str(d))
            if longest * len(items) > self.budget.max_chars:
                self.budget.refuse_length()
            return function(eval_ctx, items, d, attribute)

        return sized

    def _replace(self, text: Any, old: str, new: str, count: int | None = None) -> Any:
        """`text` with `old` replaced by `new`; markup stays markup and data is escaped."""
        subject = text if isinstance(text, Markup) else str(text)
        self.budget.check_replace(subject, str(old), str(new))
        return subject.replace(old, new, -1 if count is None else count)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An intercepted operator, within bounds."""
        self.budget.check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805, PYI063 - Jinja's own names, so that no keyword of a template collides
        """A call from a template, with its counts within bounds."""
        budget = __self.budget
        budget.check_arguments(args)
        budget.check_arguments(kwargs.values())
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str) and __obj.__name__ == "replace":
            budget.check_replace(owner, str(args[0]), str(args[1]))
        return budget.sized(super().call(__context, __obj, *args, **kwargs))

    # --- reach -------------------------------------------------------------------------------

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Whether a template may see it: no underscore, and of texts only the listed methods."""
        if isinstance(obj, str) and attr not in TEXT_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ARG002 - Jinja's signature
        """`str.format` is not offered: a width in it makes texts without bound."""
        return None

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`; of a row the column of that name before any method of a dict."""
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                pass
        return super().getattr(obj, attribute)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Any:
        """What stands for an attribute that is out of reach: fails when it is used."""
        return self.undefined(
            _("`{name}` of a {kind} is out of a template's reach").format(
                name=attribute, kind=type(obj).__name__
            ),
            name=attribute,
            obj=obj,
            exc=SecurityError,
        )

    # --- parsing -----------------------------------------------------------------------------

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        self._place(tree, name or "<template>")
        return _guard(tree)

    def _place(self, tree: nodes.Template, name: str) -> None:
        """Number the file into every node's line, so that a flattened tree still tells both."""
        lines = self.line_maps.get(name, {})
        offset = len(self.files) << _MAX_LINE_BITS
        self.files.append(name)
        for node in (tree, *tree.find_all(nodes.Node)):
            node.lineno = offset + lines.get(node.lineno or 1, node.lineno or 1)

    def locate(self, lineno: int) -> tuple[str, int]:
        """The file and line of a node's `lineno`."""
        number = lineno >> _MAX_LINE_BITS
        name = self.files[number] if number < len(self.files) else ""
        return name, lineno & ((1 << _MAX_LINE_BITS) - 1)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _call(name: str, node: Any, lineno: int) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=lineno)


def _guard(tree: nodes.Template) -> nodes.Template:
    """Put the budget's guards where a template could turn or grow without bound."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _call("_bounded", loop.iter, loop.lineno)
    for block in tree.find_all(nodes.AssignBlock):
        block.filter = _call("_sized", block.filter, block.lineno)
    macros: tuple[Any, ...] = (*tree.find_all(nodes.Macro), *tree.find_all(nodes.CallBlock))
    for macro in macros:
        tick = _call("_tick", nodes.Const(None), macro.lineno)
        macro.body.insert(0, nodes.ExprStmt(tick, lineno=macro.lineno))
    _guard_joins(tree)
    return tree


def _guard_joins(node: nodes.Node) -> None:
    for child in node.iter_child_nodes():
        _guard_joins(child)
    for field, value in node.iter_fields():
        if isinstance(value, nodes.Concat):
            setattr(node, field, _call("_sized", value, value.lineno))
        elif isinstance(value, list):
            value[:] = [
                _call("_sized", item, item.lineno) if isinstance(item, nodes.Concat) else item
                for item in value
            ]
