"""One YAML file in `campaigns/` -> a Campaign, checked, with the place of each mistake."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal
from unicodedata import normalize

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from notifier.complaints import Complaint, PlacedComplaint, complaints, first_of
from notifier.errors import CampaignError
from notifier.locale import _
from notifier.mailbox import Mailbox, parse_address, parse_list_id, parse_mailbox
from notifier.measures import check_timezone, parse_count_range, parse_rates, single_line
from notifier.model import Rate, Value
from notifier.nearest import did_you_mean
from notifier.routing import RelayNames, RouteSpec, RouteSpecs, in_order
from notifier.timetable import Schedule, Window
from notifier.yaml_lines import Document, parse_yaml, read_text

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

#: Names that a template sees already, or that mean something in an expression.
RESERVED_NAMES = frozenset(
    """
    row rows key name email campaign values
    loop self super caller varargs kwargs range dict lipsum cycler joiner namespace
    true false none True False None and or not in is if else elif for set block extends include
    import from macro call filter with
    """.split()  # noqa: SIM905 - a word a line would fill a page
)


def _text(value: object) -> object:
    """A number or date where text belongs is that text: a column may be called 2026."""
    if isinstance(value, (int, date)) and not isinstance(value, (bool, datetime)):
        return str(value)
    if isinstance(value, (bool, float, datetime)):
        raise ValueError(_("put it in quotes, so that it is text."))  # noqa: TRY004 - pydantic's contract
    return value


def _sheet(value: object) -> object:
    if value is None or (isinstance(value, str) and value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(_("a sheet's name, or its number counted from 1, is expected."))


def _header_row(value: object) -> object:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError(_("rows are counted from 1, as the spreadsheet shows them."))


def _word(value: str) -> str:
    if not value.isidentifier():
        raise ValueError(_("a short name is one word of letters, digits and _."))
    return value


def _identifier(value: str) -> str:
    if _word(value) in RESERVED_NAMES:
        raise ValueError(_("this name is taken in templates: choose another."))
    return value


def _inside(value: str) -> str:
    """A file's name below the workspace's root (links are resolved when it is opened)."""
    fixed = re.sub(r"\{\{.*?\}\}", "x", value)
    if "\\" in fixed:
        raise ValueError(_("write folders with / and not with a backslash."))
    if PurePosixPath(fixed).is_absolute() or PureWindowsPath(fixed).drive or fixed[:1] == "~":
        raise ValueError(_("a path below the workspace's folder is expected."))
    if ".." in PurePosixPath(fixed).parts:
        raise ValueError(_("a path must not lead out of the workspace (..)."))
    return single_line(value)


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else [] if value is None else value


def _scalar(value: object) -> Value:
    if value is None or isinstance(value, (str, int, float, bool, date, time)):
        return value
    raise ValueError(_("text, a number, a date, true or false is expected."))


def _sender(value: object) -> Mailbox:
    return value if isinstance(value, Mailbox) else parse_mailbox(str(_text(value)))


def _keys(value: object) -> object:
    """true, false, or the names of tables in notifier.toml."""
    if value is None or isinstance(value, bool):
        return value
    names = [value] if isinstance(value, str) else value
    if isinstance(names, (list, tuple)) and names and all(isinstance(it, str) for it in names):
        return tuple(names)
    raise ValueError(_("true, false, or the names of keys in notifier.toml are expected."))


def _schema(kind: Any, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **more})


Line = Annotated[str, BeforeValidator(_text), Field(strict=True, min_length=1)]
Text = Annotated[Line, AfterValidator(single_line), AfterValidator(lambda s: normalize("NFC", s))]
#: A header may hold line breaks, as the sheet's cell does.
Column = Annotated[Line, AfterValidator(lambda s: normalize("NFC", s))]
FileName = Annotated[Line, AfterValidator(single_line)]
InsidePath = Annotated[FileName, AfterValidator(_inside)]
Sheet = Annotated[
    str | int | None, BeforeValidator(_sheet), _schema(["string", "integer"], minimum=1)
]
HeaderRow = Annotated[int | None, BeforeValidator(_header_row), _schema("integer", minimum=1)]
Rates = Annotated[
    tuple[Rate, ...],
    BeforeValidator(parse_rates),
    _schema(["string", "array"], items={"type": "string"}, examples=["600/hour"]),
]
_CLOSED = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class JoinSpec(BaseModel):
    """Columns from another sheet, matched by a column that both have."""

    model_config = _CLOSED

    file: FileName = Field(description="The other sheet's file, from the workspace's folder.")
    on: Column = Field(description="The column that both sheets have.")
    sheet: Sheet = Field(default=None, description="The sheet's name or number (from 1).")
    header_row: HeaderRow = Field(default=None, description="The header's row; default: found.")


class RecipientsSpec(BaseModel):
    """Who: the spreadsheet, and which of its columns mean what."""

    model_config = _CLOSED

    file: FileName = Field(description="The spreadsheet, from the workspace's folder.")
    sheet: Sheet = Field(
        default=None, description="The sheet's name or number (from 1); default: the first."
    )
    header_row: HeaderRow = Field(
        default=None, description="The header's row, as the spreadsheet counts; default: found."
    )
    email: Column | None = Field(
        default=None,
        description="The address's column, or an expression: {{ row['Id'] }}@x.example",
    )
    name: Column | None = Field(default=None, description="The name's column, or an expression.")
    key: Column | None = Field(
        default=None,
        description="What identifies a recipient across runs; default: the address.",
    )
    columns: dict[Annotated[Text, AfterValidator(_identifier)], Column] = Field(
        default={}, description="Short names for the template: {math: Mathematics}."
    )
    fold: Literal["key"] | None = Field(
        default=None, description="key: rows with the same key become one message."
    )
    join: JoinSpec | None = Field(default=None, description="Columns kept in another sheet.")


class Expect(BaseModel):
    """What must hold before the first message leaves."""

    model_config = _CLOSED

    #: Lowest and highest; None: no highest.
    recipients: Annotated[
        tuple[int, int | None],
        BeforeValidator(parse_count_range),
        _schema(["string", "integer"], examples=["30..60", ">=30", 45]),
    ] = Field(description='How many: 30..60, ">=30", "<=60" or a number.')

    def admits(self, count: int) -> bool:
        """Whether so many recipients were expected."""
        low, high = self.recipients
        return low <= count and (high is None or count <= high)


class CampaignFile(BaseModel):
    """A campaign: who, what, through which relay, when, how fast."""

    model_config = ConfigDict(**_CLOSED, title="Campaign")

    title: Text = Field(description="What the campaign is called in lists and reports.")
    sender: Annotated[Mailbox, BeforeValidator(_sender), _schema("string")] = Field(
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
    attachments: Annotated[tuple[InsidePath, ...], BeforeValidator(_one_or_many)] = Field(
        default=(), description="Files below the workspace's folder; {{ key }} may stand in names."
    )
    expect: Expect | None = None
    schedule: Schedule | None = None
    window: Window | None = None
    rate: Rates = Field(default=(), description="The campaign's own ceiling: 600/hour.")
    dkim: Annotated[
        bool | tuple[str, ...] | None,
        BeforeValidator(_keys),
        _schema(["boolean", "string", "array", "null"], items={"type": "string"}),
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
    on_doubt: Literal["hold", "resend"] = Field(
        default="hold",
        description="What becomes of a message that may or may not have reached the relay.",
    )
    values: dict[
        Annotated[Text, AfterValidator(_word)],
        Annotated[
            Any,
            BeforeValidator(_scalar),
            _schema(["string", "number", "integer", "boolean", "null"]),
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
    on_doubt: Literal["hold", "resend"]
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
    sender: Mailbox = parts.pop("sender")
    del parts["relay"], parts["relays"]
    return Campaign(
        name=path.stem,
        path=path,
        sender_name=sender.name,
        sender_address=sender.address,
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
