"""What every error of the program promises, wherever it is raised."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from notifier import errors

SOURCE = Path(errors.__file__).parent
KINDS = {
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    # a bug's next step is the same for all, and told by the command line
    if issubclass(kind, errors.NotifierError) and kind is not errors.LocalProtocolError
}


def _made(path):
    """The errors that are made in a file: (line, call)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            yield node.lineno, node


def test_every_error_says_what_to_do_next():
    """A sentence alone helps nobody: the next step stands with it, in every room."""
    silent = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, call in _made(path)
        if not {"next_step", None} & {keyword.arg for keyword in call.keywords}
    ]
    assert silent == []


def test_the_object_for_programs_has_the_keys_that_scripts_rely_on():
    """Kind, message, where and next; and an exit code that tells input from unavailability."""
    error = errors.LedgerError("m", where="w", next_step="n")
    assert error.as_dict() == {"error": "ledger", "message": "m", "where": "w", "next": "n"}
    assert (error.exit_code, errors.SheetError("m").exit_code) == (3, 2)
