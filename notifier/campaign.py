"""One YAML file in `campaigns/` -> a Campaign, checked, with the place of each mistake."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from notifier.complaints import Complaint, PlacedComplaint, complaints, first_of
from notifier.errors import CampaignError
from notifier.fields import (
    CLOSED,
    InsidePath,
    Rates,
    Text,
    key_names,
    one_or_many,
    read_sender,
    scalar,
    schema,
    word,
)
from notifier.guards import Expect, StopRule, StopRules, spell_approval
from notifier.locale import _
from notifier.mailbox import Mailbox, parse_address, parse_list_id
from notifier.measures import check_timezone
from notifier.nearest import did_you_mean
from notifier.routing import RelayNames, RouteSpec, RouteSpecs, in_order
from notifier.sheet_keys import JoinSpec, RecipientsSpec
from notifier.timetable import Deadline, Schedule, Window
from notifier.yaml_lines import Document, parse_yaml, read_text

if TYPE_CHECKING:
    from datetime import datetime

    from notifier.model import Rate, Value

__all__ = [
    "Campaign",
    "Expect",
    "JoinSpec",
    "RecipientsSpec",
    "Schedule",
    "Window",
    "json_schema",
    "list_campaigns",
    "load_campaign",
]

FOLDER = "campaigns"
SCHEMA_FILE = "campaign.schema.json"
_SUFFIXES = (".yaml", ".yml")

#: What kind of mail a campaign is: what is usual for it follows.
Kind = Literal["notice", "marks", "timetable", "payslip", "invitation", "emergency"]
Doubt = Literal["hold", "resend"]
#: Marks twice, or a payslip, make people ask which one counts, so a person looks first; a warning
#: that somebody misses is worse than one that comes twice.
RESENT_KINDS: frozenset[Kind] = frozenset({"emergency"})


class CampaignFile(BaseModel):
    """A campaign: who, what, through which relay, when, how fast."""

    model_config = ConfigDict(**CLOSED, title="Campaign")

    title: Text = Field(description="What the campaign is called in lists and reports.")
    kind: Kind = Field(
        default="notice", description="What kind of mail it is; on_doubt depends on it."
    )
    sender: Annotated[Mailbox, BeforeValidator(read_sender), schema("string")] = Field(
        alias="from", description="The sender: Name <address>."
    )
    reply_to: Annotated[Text, AfterValidator(parse_address)] | None = Field(
        default=None, description="The address that answers go to."
    )
    recipients: RecipientsSpec
    template: InsidePath = Field(description="A folder in templates/.")
    relay: RelayNames = Field(
        default=(),
        description="A relay's name in notifier.toml, or several in their order.",
    )
    relays: RouteSpecs | None = Field(
        default=None, description="Several relays, with weight and priority, instead of relay."
    )
    attachments: Annotated[tuple[InsidePath, ...], BeforeValidator(one_or_many)] = Field(
        default=(), description="Files below the workspace's folder; {{ key }} may stand in names."
    )
    expect: Expect | None = None
    schedule: Schedule | None = None
    window: Window | None = None
    rate: Rates = Field(default=(), description="The campaign's own ceiling: 600/hour.")
    dkim: Annotated[
        bool | tuple[str, ...] | None,
        BeforeValidator(key_names),
        schema(["boolean", "string", "array", "null"], items={"type": "string"}),
    ] = Field(
        default=None,
        description="false: not signed; true: only signed; names: with these keys ([dkim.NAME]).",
    )
    list_id: Annotated[Text, AfterValidator(parse_list_id)] | None = Field(
        default=None, description="For List-Id (RFC 2919): grades.school.example."
    )
    locale: Literal["vi", "en"] | None = Field(
        default=None, description="How dates and numbers are written; default: the workspace's."
    )
    timezone: Annotated[Text, AfterValidator(check_timezone)] | None = Field(
        default=None, description="The zone of dates and times; default: the workspace's."
    )
    on_doubt: Doubt | None = Field(
        default=None,
        description="What becomes of a message that may or may not have reached the relay; "
        "default: resend where kind is emergency, else hold.",
    )
    not_after: Deadline = Field(
        default=None,
        description="Too late to be sent: a day and time, or a duration after the planned time.",
    )
    approval: Annotated[
        Literal["required", "none"],
        BeforeValidator(spell_approval),
        schema(["string", "boolean"], enum=["required", "none", True, False]),
    ] = Field(
        default="none", description="required: somebody else approves each run (notifier approve)."
    )
    stop_if: StopRules = Field(
        default=None,
        description="A run pauses itself: refused > 5% after 50; never: it doesn't. "
        "Default: refused > 50% after 100, never where kind is emergency.",
    )
    values: dict[
        Annotated[Text, AfterValidator(word)],
        Annotated[
            Any,
            BeforeValidator(scalar),
            schema(["string", "number", "integer", "boolean", "null"]),
        ],
    ] = Field(default={}, description="Constants for the template: {{ values.name }}.")

    @field_validator("relays")
    @classmethod
    def _is_alone(cls, value: object, info: ValidationInfo) -> object:
        if value and info.data.get("relay"):
            raise ValueError(_("it stands for relay: take that line out."))
        return value


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign that passed every check of its file."""

    #: The file's name without its ending.
    name: str
    path: Path
    title: str
    sender_name: str
    sender_address: str
    reply_to: str | None
    recipients: RecipientsSpec
    template: str
    #: Through which relays; empty: the workspace's only one.
    routes: tuple[RouteSpec, ...]
    attachments: tuple[str, ...]
    expect: Expect | None
    schedule: Schedule | None
    window: Window | None
    rate: tuple[Rate, ...]
    #: Without brackets.
    list_id: str | None
    locale: Literal["vi", "en"] | None
    timezone: str | None
    on_doubt: Doubt
    kind: Kind
    #: A moment (naive: in the campaign's zone), or seconds after the planned one.
    not_after: datetime | float | None
    approval: Literal["required", "none"]
    #: None: what is usual; empty: never.
    stop_if: tuple[StopRule, ...] | None
    #: Constants that templates see as `values.x`.
    values: dict[str, Value]
    #: None: signed where its sender's domain has a key; True: it must have; names: these keys.
    dkim: bool | tuple[str, ...] | None
    #: SHA-256 of the file's bytes, in hex.
    digest: str

    @property
    def relay(self) -> str | None:
        """The relay that goes first; None: the workspace's only one."""
        return min(self.routes, key=lambda it: it.priority).name if self.routes else None


def load_campaign(workspace_root: Path, name_or_path: str) -> Campaign:
    """The campaign of that name in `campaigns/`, or of that file.

    Raises:
        CampaignError: there is none, or its file is not as it must be; names file, line, column
            and key, and the nearest known one.
    """
    path = _find(workspace_root, name_or_path)
    shown = _shown(path, workspace_root)
    _check_name(path.stem, shown)
    raw, text = read_text(path, shown)
    document = parse_yaml(text, shown)
    try:
        checked = CampaignFile.model_validate(document.data)
    except ValidationError as exc:
        found = [_placed(mistake, document) for mistake in complaints(exc, CampaignFile)]
        raise first_of(found, CampaignError) from exc
    parts = {name: getattr(checked, name) for name in CampaignFile.model_fields}
    author: Mailbox = parts.pop("sender")
    del parts["relay"], parts["relays"]
    parts["on_doubt"] = checked.on_doubt or ("resend" if checked.kind in RESENT_KINDS else "hold")
    return Campaign(
        name=path.stem,
        path=path,
        sender_name=author.name,
        sender_address=author.address,
        digest=hashlib.sha256(raw).hexdigest(),
        routes=checked.relays or in_order(checked.relay),
        **parts,
    )


def _find(root: Path, name_or_path: str) -> Path:
    if name_or_path.endswith(_SUFFIXES) or "/" in name_or_path or "\\" in name_or_path:
        given = Path(name_or_path)
        candidates = [root / given, given.absolute()]
    else:
        candidates = [root / FOLDER / (name_or_path + suffix) for suffix in _SUFFIXES]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    known = list_campaigns(root)
    raise CampaignError(
        _("There is no campaign named {name}.").format(name=name_or_path),
        where=f"{FOLDER}/",
        next_step=did_you_mean(Path(name_or_path).stem, known)
        or _("Make one with: notifier init --sample, or write {file}.").format(
            file=f"{FOLDER}/{Path(name_or_path).stem}.yaml"
        ),
    )


def _check_name(name: str, shown: str) -> None:
    if name.isdigit() or name == "latest" or "@" in name:
        raise CampaignError(
            _("A campaign can't be called {name}: runs are named like that.").format(name=name),
            where=shown,
            next_step=_("Give the file another name."),
        )


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _placed(mistake: Complaint, document: Document) -> PlacedComplaint:
    line, column = document.place(mistake.path, of_key=mistake.is_about_key)
    return PlacedComplaint(mistake, document.where(line, column), line)


def list_campaigns(workspace_root: Path) -> list[str]:
    """The names of the workspace's campaigns, sorted."""
    folder = workspace_root / FOLDER
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted({p.stem for p in files if p.suffix in _SUFFIXES and not p.name.startswith(".")})


def json_schema() -> dict[str, Any]:
    """The campaign's JSON Schema (draft 2020-12), for editors; kept at campaigns/."""
    schema = CampaignFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
