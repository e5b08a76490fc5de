"""The command line: `run` takes the arguments and gives the exit code.

Nothing heavy is imported here or by the command modules when they load: each command imports the
rooms that it needs when it runs, so that `notifier --help` answers at once. The language is chosen
before the first command module is imported, so that help texts speak it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """Run one command line; 0 done, 1 failures to look at, 2 bad input, 3 unavailable.

    Never raises: errors go to standard error as a sentence, or as one JSON object with `--json`.
    """
    from notifier.cli.console import prepare_streams
    from notifier.locale import use
    from notifier.workspace import peek_locale

    prepare_streams()
    use(peek_locale(argv))
    from notifier.cli.app import execute

    return execute(list(argv))
