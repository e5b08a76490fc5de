"""Messages of a run made again, with what this workspace still has of keys and large files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from notifier.errors import NotifierError
from notifier.locale import _, ngettext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from notifier.cli.session import Session
    from notifier.delivery.making import Recipe
    from notifier.delivery.remake import Remade, Remaker


@contextmanager
def remaking(session: Session, run_id: int, campaign: str) -> Iterator[Remaker]:
    """Makes messages of that run of the campaign again; see `delivery.remake`."""
    from notifier.delivery.remake import Place, remaker
    from notifier.ledger.documents import Archive

    workspace = session.workspace
    place = Place(
        workspace.root,
        workspace.settings.limits,
        workspace.settings.dkim,
        workspace.secret_files(),
        lambda: _recipes(session, campaign),
    )
    with (
        Archive.open(workspace.ledger_path) as archive,
        remaker(archive, run_id, campaign, place) as made,
    ):
        yield made


def _recipes(session: Session, name: str) -> list[Recipe]:
    """What it may have been made from, each once: relays differ in what signs their mail."""
    campaign = session.campaign(name)
    found = [session.recipe(campaign)]
    for relay in session.workspace.settings.relays.values():
        try:
            recipe = session.recipe(campaign, relay)
        except NotifierError:  # a key that this relay names is gone
            continue
        if all(recipe.dkim != it.dkim for it in found):
            found.append(recipe)
    return found


def spell_remade(remade: Remade, digest: str) -> str:
    """Whether the message can be made again to the byte, in words; why not, otherwise."""
    if remade.is_same and remade.data is not None:
        size = spell_size(len(remade.data))
        return _("made again to the byte: {size}, sha256 {digest}").format(size=size, digest=digest)
    return _("can't be made again to the byte: {why}").format(why=" ".join(remade.why))


def spell_size(size: int) -> str:
    """So many bytes, in words."""
    from notifier.report.figures import number

    return ngettext("{size} byte", "{size} bytes", size).format(size=number(size))
