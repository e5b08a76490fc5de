"""A message made again, to the byte, from what its run was made from.

The run's documents (`snapshot.py`) are laid out in a folder of their own, the campaign is compiled
there, and the delivery's row is filled in with its own token and time. That it is the very message
is not believed but checked: by the sha256 that was written down with the intent to send it.

What can't be had again is told: a DKIM key that is gone or another one, an attachment that was too
large to keep and has changed, a run from before documents were kept, another version of notifier.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from notifier import __version__
from notifier.campaign import load_campaign
from notifier.delivery.making import Recipe
from notifier.delivery.snapshot import CAMPAIGN, FILE, MANIFEST, TEMPLATE
from notifier.errors import NotifierError
from notifier.locale import _
from notifier.render.templates import FORMAT, compile_campaign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from notifier.campaign import Campaign
    from notifier.ledger.documents import Archive, Document
    from notifier.model import Recipient
    from notifier.render.templates import CompiledCampaign
    from notifier.settings import DkimSettings, LimitSettings


class Sent(Protocol):
    """What must be known of a delivery to make its message again."""

    @property
    def recipient(self) -> Recipient:
        """Whom it was made for, and from which row."""

    @property
    def token(self) -> str:
        """The Message-ID's left part."""

    @property
    def message_at(self) -> float | None:
        """Its `Date:`; None where none was made."""

    @property
    def message_digest(self) -> str:
        """sha256 of its bytes, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A `Sent`, for those who have no more than that."""

    recipient: Recipient
    token: str
    message_at: float | None
    message_digest: str


@dataclass(frozen=True, slots=True)
class Remade:
    """What came of making a message again."""

    #: None where it can't be made at all.
    data: bytes | None
    #: Whether these are the very bytes, by their sha256.
    is_same: bool
    #: Why they are not; empty where they are.
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """The workspace as it is now: where keys and large attachments may still be."""

    root: Path
    limits: LimitSettings
    #: `[dkim.NAME]`
    keys: Mapping[str, DkimSettings]
    secret_files: tuple[Path, ...]
    #: The campaign and its recipes as they are now, for runs that kept nothing.
    recipes: Callable[[], Sequence[Recipe]]


@dataclass(slots=True)
class _Way:
    """One way in which the run's messages may have been made: relays differ in what signs."""

    compiled: CompiledCampaign | None
    is_signed: bool = True
    why: tuple[str, ...] = ()


@dataclass(slots=True)
class Remaker:
    """Makes messages of one run again. Use `remaker`, which takes its folder away at the end."""

    _ways: list[_Way]
    #: The campaign as it was; None where it can't be read any more.
    campaign: Campaign | None
    #: Files that were looked for, and are not as they were.
    _amiss: Mapping[str, str] = field(default_factory=dict)
    _reasons: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """What stands behind the @ in its Message-IDs; empty where it can't be said."""
        return self.campaign.sender_address.rpartition("@")[2] if self.campaign else ""

    def remake(self, sent: Sent) -> Remade:
        """The delivery's message; never raises for what has changed since."""
        if sent.message_at is None:
            return Remade(None, is_same=False, why=(_("No message was made for it yet."),))
        if not sent.recipient.line:  # `purge.erase`
            return Remade(None, is_same=False, why=(_("Its row was erased from the ledger."),))
        best: Remade | None = None
        for way in self._ways:
            made = self._made(way, sent, sent.message_at)
            if made.is_same:
                return made
            best = best if best is not None and best.data is not None else made
        return best or Remade(None, is_same=False, why=self._reasons)

    def _made(self, way: _Way, sent: Sent, at: float) -> Remade:
        if way.compiled is None:
            return Remade(None, is_same=False, why=(*self._reasons, *way.why))
        try:
            message = way.compiled.assemble(
                sent.recipient, token=sent.token, at=at, is_signed=way.is_signed
            )
        except NotifierError as exc:
            return Remade(None, is_same=False, why=(*self._told(way), exc.message))
        if hashlib.sha256(message.data).hexdigest() == sent.message_digest:
            return Remade(message.data, is_same=True)
        why = self._told(way) or (_("It can't be said what has changed."),)
        return Remade(message.data, is_same=False, why=why)

    def _told(self, way: _Way) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._reasons, *way.why, *self._amiss.values())))


@contextmanager
def remaker(archive: Archive, run_id: int, name: str, place: Place) -> Iterator[Remaker]:
    """Makes messages of the run of campaign `name` again; its folder is there as long as this."""
    found = archive.of_run(run_id, MANIFEST)
    if not found or found[0].content is None:
        yield _from_what_is_there(place)
        return
    manifest = json.loads(found[0].content)
    with TemporaryDirectory(prefix="notifier-") as folder:
        shelf = _Shelf(archive, run_id, manifest["links"], place.root, Path(folder).resolve())
        yield _restored(shelf, name, manifest, place)


def _from_what_is_there(place: Place) -> Remaker:
    """For a run that kept nothing: made from the workspace as it is now, and checked."""
    why = _("This run kept nothing of what it was made from, and that was changed since.")
    try:
        recipes = place.recipes()
        ways = [_Way(recipe.compile()) for recipe in recipes]
    except NotifierError as exc:
        return Remaker([], None, _reasons=(why, exc.message))
    return Remaker(ways, recipes[0].campaign if recipes else None, _reasons=(why,))


def _restored(shelf: _Shelf, name: str, manifest: dict[str, Any], place: Place) -> Remaker:
    shelf.lay_out(CAMPAIGN, TEMPLATE)
    reasons = _of_another_version(manifest)
    try:
        campaign = load_campaign(shelf.root, name)
    except NotifierError as exc:
        return Remaker([], None, _reasons=(*reasons, exc.message))
    recipe = Recipe(
        campaign,
        root=shelf.root,
        locale=manifest["locale"],
        timezone=manifest["timezone"],
        limits=place.limits.model_copy(
            update={
                key: manifest[key]
                for key in ("max_message_bytes", "render_seconds", "max_render_chars")
            }
        ),
        secret_files=place.secret_files,
    )
    ways = [_way(recipe, it, place.keys, shelf) for it in _once(manifest["signing"])]
    return Remaker(ways, campaign, shelf.amiss, reasons)


def _of_another_version(manifest: dict[str, Any]) -> tuple[str, ...]:
    if manifest["format"] == FORMAT and manifest["version"] == __version__:
        return ()
    return (
        _("It was made by notifier {version}, and this is {ours}.").format(
            version=manifest["version"], ours=__version__
        ),
    )


def _once(signing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each set of keys once, whichever relays it was for."""
    return list({json.dumps(it["keys"]): it for it in signing}.values())


def _way(
    recipe: Recipe, signing: dict[str, Any], known: Mapping[str, DkimSettings], shelf: _Shelf
) -> _Way:
    """The campaign compiled with its keys; without them, and why, where they can't be had."""
    digest, why = signing["digest"], _lost_keys(signing["keys"], known)
    keys = () if why else tuple(known[it["name"]] for it in signing["keys"])
    try:
        compiled = _compiled(replace(recipe, dkim=keys), shelf, "" if keys else digest)
    except NotifierError as exc:
        if not keys:
            return _Way(None, why=(*shelf.amiss.values(), exc.message))
        return _unsigned(recipe, shelf, digest, exc.message)
    if keys and compiled.digest != digest:
        names = ", ".join(it.name for it in keys)
        told = _("Another DKIM key stands at [dkim.{name}] now.").format(name=names)
        return _unsigned(recipe, shelf, digest, *(shelf.amiss.values() or (told,)))
    return _Way(compiled, is_signed=not why, why=(*why, *shelf.amiss.values()))


def _lost_keys(wanted: list[dict[str, str]], known: Mapping[str, DkimSettings]) -> tuple[str, ...]:
    return tuple(
        _("The DKIM key [dkim.{name}] is not in notifier.toml any more.").format(name=it["name"])
        for it in wanted
        if it["name"] not in known
    )


def _unsigned(recipe: Recipe, shelf: _Shelf, digest: str, *why: str) -> _Way:
    """As it was but for its signature: the digest parts its pieces, and was written down."""
    with suppress(NotifierError):
        return _Way(_compiled(recipe, shelf, digest), is_signed=False, why=why)
    return _Way(None, why=why)


def _compiled(recipe: Recipe, shelf: _Shelf, digest: str) -> CompiledCampaign:
    return compile_campaign(
        recipe.campaign,
        root=recipe.root,
        locale=recipe.locale,
        timezone=recipe.timezone,
        limits=recipe.limits,
        dkim=recipe.dkim,
        secret_files=recipe.secret_files,
        fetcher=shelf.fetch,
        digest=digest,
    )


class _Shelf:
    """Lays a run's files out in a folder, each when it is looked for."""

    def __init__(
        self, archive: Archive, run_id: int, links: Mapping[str, str], workspace: Path, root: Path
    ) -> None:
        self._archive = archive
        self._run_id = run_id
        #: Names that were links, and what they led to.
        self._links = links
        self._workspace = workspace
        self.root = root
        self._fetched: set[str] = set()
        #: What is not as it was, by name.
        self.amiss: dict[str, str] = {}

    def lay_out(self, *roles: str) -> None:
        """Write all of the run's documents of these roles into the folder."""
        for it in self._archive.of_run(self._run_id, *roles):
            self.put(it)

    def put(self, it: Document, *, place: str = "") -> None:
        """Write the document into the folder."""
        path = self._at(place or it.name)
        if path is not None and it.content is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(it.content)

    def fetch(self, name: str) -> None:
        """`render.attachments.Fetcher`: the file is in its place, if it was the run's."""
        if name in self._fetched:
            return
        self._fetched.add(name)
        found = self._archive.find(self._run_id, FILE, name)
        if found is None:
            return
        place = self._links.get(name, name)
        if found.content is None:
            self._fetch_from_workspace(found, place)
        else:
            self.put(found, place=place)
        if place != name and (link := self._at(name)) is not None and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.root / place)

    def _fetch_from_workspace(self, found: Document, place: str) -> None:
        """A file that was not kept: as it is now, and told where it isn't what it was."""
        source, target = self._workspace / place, self._at(place)
        if target is None:
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            data = target.read_bytes()
        except OSError:
            told = _("The file `{name}` was too large to be kept, and is not there any more.")
        else:
            if hashlib.sha256(data).hexdigest() == found.digest:
                return
            told = _("The file `{name}` was too large to be kept, and was changed since.")
        self.amiss[found.name] = told.format(name=found.name)

    def _at(self, name: str) -> Path | None:
        """Its place in the folder; None for a name that leads out of it."""
        path = (self.root / name).absolute()
        inside = ".." not in Path(name).parts and path.is_relative_to(self.root)
        return path if inside else None
