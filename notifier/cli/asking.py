"""Asking before something is done that can't be undone."""

from __future__ import annotations

import sys

from notifier.cli.control import confirm
from notifier.errors import UsageError
from notifier.locale import _


def ask_first(question: str, *, is_agreed: bool, step: str) -> None:
    """Go on only where a person agrees, now or by --yes; UsageError where nobody can be asked.

    `step` is the command that does it without asking.
    """
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise UsageError(
            _("This is done only after asking, and there is no terminal to ask at."),
            next_step=step,
        )
    confirm(question)
