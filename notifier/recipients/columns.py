"""Which column is the address, the name, the key: as the campaign says, else found by name.

Where two columns could hold the addresses and the sheet does not tell which is meant (the
pupil's, the parents'), that is an error: a guess would mail somebody else's marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.errors import SheetError
from notifier.locale import _
from notifier.recipients import vocabulary
from notifier.recipients.plain_text import nearest, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notifier.campaign import RecipientsSpec
    from notifier.model import Row


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns (or expressions over the row) mean what."""

    #: A column's name, or an expression.
    email: str
    #: Columns whose texts make the name, in order; or one expression; empty: none.
    name: tuple[str, ...]
    #: None: the address is the key.
    key: str | None
    #: The campaign named the key, so that a row without one is wrong.
    is_key_named: bool
    #: Short name -> column.
    columns: Mapping[str, str]
    #: What was guessed among several, for people to check.
    doubts: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, str]:
        """Role -> header or expression, those that are there."""
        found = {"email": self.email, "name": " + ".join(self.name), "key": self.key or ""}
        return {role: text for role, text in found.items() if text}


def is_expression(text: str | None) -> bool:
    """Whether the campaign gives a template expression where a column's name could stand."""
    return text is not None and ("{{" in text or "{%" in text)


class Columns:
    """The columns of a sheet (and of the one joined to it), and how to find one by its name."""

    def __init__(
        self, names: Sequence[str], *, where: str, short: Mapping[str, str] | None = None
    ) -> None:
        """`where` is told in errors; `short` are further names of columns."""
        self.names = tuple(names)
        self.where = where
        self._short = dict(short or {})
        self._plain: dict[str, list[str]] = {}
        for name in self.names:
            self._plain.setdefault(plain(name), []).append(name)
        for lower, name in self._short.items():
            self._plain.setdefault(plain(lower), []).append(name)

    def find(self, wanted: str) -> str:
        """The column that is called so, accents, case and spaces aside.

        Raises:
            SheetError: there is none, or several; names the nearest, or the candidates.
        """
        tidy = " ".join(wanted.split())
        if tidy in self.names:
            return tidy
        found = self._plain.get(plain(wanted), [])
        if len(found) == 1:
            return found[0]
        if found:
            raise self.ambiguous(_("Several columns could be {name}.").format(name=wanted), found)
        raise self.missing(wanted)

    def missing(self, wanted: str) -> SheetError:
        """There is no such column."""
        near = nearest(wanted, self.names)
        listed = _("The columns are: {names}.").format(names=", ".join(self.names))
        return SheetError(
            _("There is no column {name}.").format(name=wanted),
            where=self.where,
            next_step=_("Did you mean {name}?").format(name=near) + " " + listed
            if near
            else listed,
        )

    def ambiguous(self, message: str, found: Sequence[str]) -> SheetError:
        """Several columns fit."""
        return SheetError(
            message,
            where=self.where,
            next_step=_("Name one of these in the campaign: {names}.").format(
                names=", ".join(found)
            ),
        )

    def named(self, words: Sequence[str]) -> list[str]:
        """Columns called by one of the words, in the words' order."""
        return [name for word in words for name in self._plain.get(word, ())]


def find_roles(
    spec: RecipientsSpec,
    columns: Columns,
    sample: Sequence[Row],
    spans: Mapping[str, tuple[str, ...]],
) -> Roles:
    """Decide the roles; `sample` are the first rows, looked at for addresses.

    Raises:
        SheetError: a named column is missing, or no column (or several) could hold addresses.
    """
    doubts: list[str] = []
    email = _email(spec, columns, sample, doubts)
    return Roles(
        email=email,
        name=_name(spec, columns, spans, doubts),
        key=_key(spec, columns, doubts),
        is_key_named=spec.key is not None,
        columns={short: columns.find(name) for short, name in spec.columns.items()},
        doubts=tuple(doubts),
    )


def _email(spec: RecipientsSpec, columns: Columns, sample: Sequence[Row], doubts: list[str]) -> str:
    if spec.email is not None:
        return spec.email if is_expression(spec.email) else columns.find(spec.email)
    holding = [name for name in columns.names if _holds_addresses(name, sample)]
    called = [name for name in columns.names if vocabulary.EMAIL.search(plain(name))]
    fitting = [name for name in called if name in holding] or called
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        return _one_email(columns, fitting, doubts)
    if len(holding) == 1:
        doubts.append(_("Addresses are read from {name}.").format(name=holding[0]))
        return holding[0]
    if holding:
        raise columns.ambiguous(_("Several columns hold addresses."), holding)
    raise SheetError(
        _("No column with addresses is found."),
        where=columns.where,
        next_step=_("Say which one under recipients: email: ... The columns are: {names}.").format(
            names=", ".join(columns.names)
        ),
    )


def _one_email(columns: Columns, fitting: list[str], doubts: list[str]) -> str:
    exact = [name for name in fitting if plain(name) in vocabulary.EMAIL_EXACT]
    if len(exact) != 1:
        raise columns.ambiguous(_("Several columns could hold the addresses."), fitting)
    others = ", ".join(name for name in fitting if name != exact[0])
    doubts.append(
        _("Addresses are read from {name}, not from {others}.").format(name=exact[0], others=others)
    )
    return exact[0]


def _holds_addresses(name: str, sample: Sequence[Row]) -> bool:
    texts = [value for row in sample if (value := row.get(name)) is not None]
    return any("@" in value for value in texts if isinstance(value, str)) and sum(
        isinstance(value, str) and "@" in value for value in texts
    ) * 2 >= len(texts)


def _name(
    spec: RecipientsSpec,
    columns: Columns,
    spans: Mapping[str, tuple[str, ...]],
    doubts: list[str],
) -> tuple[str, ...]:
    if spec.name is not None:
        if is_expression(spec.name):
            return (spec.name,)
        name = columns.find(spec.name)
        return spans.get(name, (name,))
    found = columns.named(vocabulary.NAME)
    if found:
        _doubt(_("Names are read from {name}, not from {others}."), found, doubts)
        return spans.get(found[0], (found[0],))
    return _name_in_two(columns)


def _name_in_two(columns: Columns) -> tuple[str, ...]:
    """Họ đệm + Tên, First name + Last name: in the sheet's order; or what there is of them."""
    parts = [*columns.named(vocabulary.FAMILY)[:1], *columns.named(vocabulary.GIVEN)[:1]]
    return tuple(sorted(parts, key=columns.names.index))


def _key(spec: RecipientsSpec, columns: Columns, doubts: list[str]) -> str | None:
    if spec.key is not None:
        return columns.find(spec.key)
    found = columns.named(vocabulary.KEY)
    if not found:
        return None
    _doubt(_("Recipients are told apart by {name}, not by {others}."), found, doubts)
    return found[0]


def _doubt(message: str, found: Sequence[str], doubts: list[str]) -> None:
    others = [name for name in dict.fromkeys(found) if name != found[0]]
    if others:
        doubts.append(message.format(name=found[0], others=", ".join(others)))
