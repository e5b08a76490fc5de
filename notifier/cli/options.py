"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Any

import typer

from notifier.locale import N_

JSON: Any = typer.Option(False, "--json", help=N_("Print JSON, for programs."))
CAMPAIGN: Any = typer.Argument(
    ..., metavar="CAMPAIGN", help=N_("A campaign's name (campaigns/NAME.yaml), or its file.")
)
RUN: Any = typer.Argument(
    ...,
    metavar="RUN",
    help=N_("A run's number, `latest`, a campaign's name (its latest run) or CAMPAIGN@OCCURRENCE."),
)
RELAY: Any = typer.Option(
    None, "--relay", metavar="NAME", help=N_("Submit through this relay instead of the campaign's.")
)
YES: Any = typer.Option(False, "--yes", "-y", help=N_("Don't ask; go on."))
ANYTIME: Any = typer.Option(
    False,
    "--anytime",
    help=N_("Send although the campaign's window is closed, or it is too late (not_after)."),
)
WATCH: Any = typer.Option(
    False, "--watch", help=N_("Stay until deferred messages have been tried again, too.")
)
