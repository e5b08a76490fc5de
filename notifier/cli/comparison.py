"""`notifier report --compare`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifier.cli.across import deliver_paper
from notifier.errors import UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from notifier.cli.session import Session


def tell_comparison(
    session: Session, named: Sequence[str], kind: str, output: Path | None, *, as_json: bool
) -> None:
    """Print or write both runs: those named, or the one named and its campaign's one before."""
    from notifier.ledger.comparison import previous
    from notifier.report.compared import paper

    numbers = [session.find_run_id(it) for it in named]
    with session.reader() as reader:
        if len(numbers) == 1:
            earlier = previous(reader, numbers[0])
            if earlier is None:
                raise UsageError(
                    _(
                        "Run {run} is the first of its campaign: there is none to compare it with."
                    ).format(run=numbers[0]),
                    where="--compare",
                    next_step=_("Name two runs: notifier report RUN RUN --compare"),
                )
            numbers.insert(0, earlier)
        before, after = sorted(numbers)
        built = paper(reader, before, after, session.zone)
        deliver_paper(session, built, f"compare-{before}-{after}", kind, output, as_json=as_json)
