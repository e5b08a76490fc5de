"""How the values of a template are printed, at a fifth of the usual cost.

Jinja prints a value through three calls (`escape(environment.finalize(value))`), which is most of
what filling in a template takes. Here it is one, and for a plain text without special signs it does
nothing but look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2.compiler import CodeGenerator
from jinja2.runtime import Context
from markupsafe import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment, nodes
    from jinja2.compiler import Frame
    from jinja2.nodes import EvalContext

#: A flattened template has neither; shared, so that a context is made without them.
_NO_NAMES: set[str] = set()
_NO_BLOCKS: dict[str, Any] = {}


class PrintingGenerator(CodeGenerator):
    """Jinja's code generator, with `print_html` and `print_text` for what is printed."""

    def _make_finalize(self) -> CodeGenerator._FinalizeInfo:
        found = super()._make_finalize()
        return self._FinalizeInfo(found.const, None)

    def _output_child_pre(  # Jinja's hook: what stands before a printed value
        self,
        node: nodes.Expr,  # noqa: ARG002 - Jinja's signature
        frame: Frame,
        finalize: CodeGenerator._FinalizeInfo,  # noqa: ARG002 - Jinja's signature
    ) -> None:
        if frame.eval_ctx.volatile:
            self.write("(print_html if context.eval_ctx.autoescape else print_text)(")
        else:
            self.write("print_html(" if frame.eval_ctx.autoescape else "print_text(")


def printers(plain: Callable[[Any], Any]) -> dict[str, Callable[[Any], str]]:
    """The two functions that compiled templates print with; `plain` knows numbers and dates."""

    def print_html(value: Any) -> str:
        if type(value) is not str:
            value = plain(value)
            if type(value) is not str:
                return escape(value)
        if "&" in value or "<" in value or ">" in value or '"' in value or "'" in value:
            return escape(value)
        return value

    def print_text(value: Any) -> str:
        return value if type(value) is str else str(plain(value))

    return {"print_html": print_html, "print_text": print_text}


class RowContext(Context):
    """A template's context over one recipient's values, made without copying them."""

    def __init__(
        self, environment: Environment, parent: dict[str, Any], name: str, eval_ctx: EvalContext
    ) -> None:
        # Not Jinja's own constructor: it sorts out blocks and globals that a flattened template
        # does not have, which takes longer than filling in a subject.
        self.parent = parent
        self.vars = {}
        self.environment = environment
        self.eval_ctx = eval_ctx
        self.exported_vars = set()
        self.name = name
        self.globals_keys = _NO_NAMES
        self.blocks = _NO_BLOCKS
