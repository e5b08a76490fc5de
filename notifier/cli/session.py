"""What the commands work on: the workspace, a campaign with its sheet and template, the ledger.

Each is opened when it is asked for, because each loads a room.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from notifier.errors import TemplateError, UsageError
from notifier.locale import _
from notifier.workspace import WORKSPACE_FILE, find_actor

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from zoneinfo import ZoneInfo

    import typer

    from notifier.campaign import Campaign
    from notifier.delivery.line import Route
    from notifier.delivery.making import Recipe
    from notifier.delivery.window import Hours
    from notifier.ledger.ledger import Ledger
    from notifier.ledger.reports import Reader
    from notifier.recipients.roster import Roster
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import RelaySettings, Workspace


@dataclass(slots=True)
class Session:
    """One invocation: where its workspace is said to be, and what was opened so far."""

    #: `--workspace`; None: the nearest folder with a notifier.toml, from here upwards.
    root: Path | None = None
    is_debugging: bool = False
    _workspace: Workspace | None = field(default=None, repr=False)

    @property
    def workspace(self) -> Workspace:
        """The workspace; SettingsError where there is none or its settings are wrong."""
        if self._workspace is None:
            from notifier.settings import load_workspace

            self._workspace = load_workspace(self.root)
        return self._workspace

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which instants are shown."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(self.workspace.settings.workspace.timezone)

    def campaign(self, name: str) -> Campaign:
        """The campaign of that name or file; CampaignError where it isn't as it must be."""
        from notifier.campaign import load_campaign

        return load_campaign(self.workspace.root, name)

    def recipe(self, campaign: Campaign, relay: RelaySettings | None = None) -> Recipe:
        """What its messages are made from: template, language, zone, and the keys that sign.

        `relay`: as it wants them, where it has a word on that.
        """
        from notifier.delivery.making import Recipe

        settings = self.workspace.settings
        signing = campaign.dkim if relay is None or relay.dkim is None else relay.dkim
        return Recipe(
            campaign,
            root=self.workspace.root,
            locale=campaign.locale or settings.workspace.locale,
            timezone=campaign.timezone or settings.workspace.timezone,
            limits=settings.limits,
            dkim=self.workspace.dkim_keys(campaign.sender_address, chosen=signing),
            secret_files=self.workspace.secret_files(),
        )

    def zone_of(self, campaign: Campaign) -> ZoneInfo:
        """The zone in which the campaign's times are meant."""
        from zoneinfo import ZoneInfo

        return ZoneInfo(campaign.timezone or self.workspace.settings.workspace.timezone)

    def hours(self, campaign: Campaign, *, anytime: bool = False) -> Hours:
        """When its messages may leave; at any time where a person says so."""
        from notifier.delivery.window import Hours

        return Hours(None if anytime else campaign.window, self.zone_of(campaign))

    def compiled(self, campaign: Campaign) -> CompiledCampaign:
        """Its template, compiled for the campaign's language and zone."""
        return self.recipe(campaign).compile()

    def roster(self, campaign: Campaign) -> Roster:
        """Its recipients, to be read row by row; SheetError where the sheet can't be read."""
        from notifier.recipients.roster import open_roster
        from notifier.render.templates import evaluate

        def evaluated(expression: str, context: Mapping[str, object]) -> str:
            try:
                return evaluate(expression, context)
            except TemplateError as exc:
                exc.where = f"{self._file_of(campaign)}: {expression}"
                raise

        return open_roster(
            campaign.recipients,
            root=self.workspace.root,
            limits=self.workspace.settings.limits,
            evaluate=evaluated,
        )

    def relay(self, campaign: Campaign, name: str | None = None) -> RelaySettings:
        """The relay to submit through: the one asked for, or the campaign's own."""
        if name:
            return self.workspace.relay(name)
        return self.workspace.relay(campaign.relay, where=self._file_of(campaign))

    def routes(self, campaign: Campaign, names: str | None = None) -> tuple[Route, ...]:
        """The relays to submit through, those that go first before the others.

        `names`: those that were asked for, or that a run was begun through (`routing.chosen`).
        UsageError where there is no relay of such a name.
        """
        from notifier.routing import chosen

        specs = chosen(campaign.routes, names) if names else campaign.routes
        where = WORKSPACE_FILE if names else self._file_of(campaign)
        if not specs:
            return (self._route(campaign, self.workspace.relay()),)
        return tuple(
            replace(
                self._route(campaign, self.workspace.relay(it.name, where=where)),
                weight=it.weight,
                priority=it.priority,
            )
            for it in sorted(specs, key=lambda it: it.priority)
        )

    def _file_of(self, campaign: Campaign) -> str:
        path, root = campaign.path, self.workspace.root
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def _route(self, campaign: Campaign, relay: RelaySettings) -> Route:
        from notifier.delivery.line import Route

        own = self.recipe(campaign, relay)
        return Route(relay, recipe=None if own == self.recipe(campaign) else own)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger, open for writing; it is made where there is none yet."""
        from notifier.ledger.ledger import Ledger

        path = self.workspace.ledger_path
        path.parent.mkdir(parents=True, exist_ok=True)
        ledger = Ledger.open(
            path,
            durability=self.workspace.settings.workspace.durability,
            actor=find_actor(),
        )
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """The ledger, open for reading only."""
        from notifier.ledger.reports import Reader

        reader = Reader.open(self.workspace.ledger_path)
        try:
            yield reader
        finally:
            reader.close()

    def has_ledger(self) -> bool:
        """Whether anything was ever sent from this workspace."""
        return self.workspace.ledger_path.exists()

    def suppressed(self) -> Container[str]:
        """The addresses that must not be mailed, in small letters; forgotten ones among them."""
        if not self.has_ledger():
            return frozenset()
        with self.ledger() as ledger:
            return ledger.keeping.barred()

    def require_ledger(self) -> None:
        """UsageError where nothing was ever sent from this workspace."""
        if not self.has_ledger():
            raise UsageError(
                _("Nothing has been sent from this workspace yet."),
                where=str(self.workspace.root),
                next_step=_("notifier send CAMPAIGN shows what would be sent."),
            )

    def find_run_id(self, reference: str) -> int:
        """The run of that number, `latest`, campaign or campaign@occurrence; UsageError if none."""
        self.require_ledger()
        with self.ledger() as ledger:
            return ledger.find_run(reference).id

    def shown(self, path: Path) -> str:
        """The path as people type it: relative to the current folder where it lies below."""
        try:
            return str(path.resolve().relative_to(Path.cwd()))
        except ValueError:
            return str(path)


def session_of(ctx: typer.Context) -> Session:
    """The invocation's session, as the application put it there."""
    session = ctx.obj
    assert isinstance(session, Session)
    return session
