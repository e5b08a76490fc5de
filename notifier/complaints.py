"""What pydantic found wrong, in plain words: which key, what is expected, the nearest known key.

Pydantic's own sentences are for programmers and in English; values are never repeated here,
since any of them may be a secret.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union, get_args, get_origin

from pydantic import BaseModel

from notifier.locale import N_, _, ngettext
from notifier.nearest import did_you_mean, known_here, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError

    from notifier.errors import NotifierError

#: A key's way from the top of a file: `("relays", "main", "port")`.
KeyPath: TypeAlias = tuple[str | int, ...]

#: How many further mistakes an error lists.
_MAX_LISTED = 5

#: pydantic's error type -> what is expected there.
_EXPECTED: dict[str, str] = {
    "string_type": N_("{key} must be text."),
    "string_too_short": N_("{key} must not be empty."),
    "too_short": N_("{key} must not be empty."),
    "int_type": N_("{key} must be a whole number."),
    "int_parsing": N_("{key} must be a whole number."),
    "int_from_float": N_("{key} must be a whole number."),
    "int_parsing_size": N_("{key} must be a whole number."),
    "float_type": N_("{key} must be a number."),
    "float_parsing": N_("{key} must be a number."),
    "finite_number": N_("{key} must be a number."),
    "bool_type": N_("{key} must be true or false."),
    "bool_parsing": N_("{key} must be true or false."),
    "greater_than": N_("{key} must be greater than {gt}."),
    "greater_than_equal": N_("{key} must be at least {ge}."),
    "less_than": N_("{key} must be less than {lt}."),
    "less_than_equal": N_("{key} must be at most {le}."),
    "literal_error": N_("{key} must be one of: {choices}."),
    "dict_type": N_("{key} must hold keys of its own, each with a value."),
    "model_type": N_("{key} must hold keys of its own, each with a value."),
    "model_attributes_type": N_("{key} must hold keys of its own, each with a value."),
    "list_type": N_("{key} must be a list."),
    "tuple_type": N_("{key} must be a list."),
    "path_type": N_("{key} must be the name of a file."),
}
#: One value stands where keys of its own are expected.
_NO_TABLE = frozenset({"model_type", "model_attributes_type"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake in a file of the user's."""

    path: KeyPath
    message: str
    next_step: str = ""
    #: The mistake is the key itself, not its value.
    is_about_key: bool = False


@dataclass(frozen=True, slots=True)
class PlacedComplaint:
    """A mistake and its place in the file."""

    complaint: Complaint
    #: `notifier.toml, line 7`
    where: str
    #: Sorts mistakes as they stand in the file; -1: not in the file.
    order: int


def first_of(found: Sequence[PlacedComplaint], kind: type[NotifierError]) -> NotifierError:
    """The error for the first mistake of a file, which names the others too."""
    # a key that is misspelt comes before the one that is therefore missing
    ordered = sorted(found, key=lambda one: (one.order, not one.complaint.is_about_key))
    first, others = ordered[0], ordered[1:]
    steps = [first.complaint.next_step] if first.complaint.next_step else []
    if others:
        count = ngettext("{count} more mistake:", "{count} more mistakes:", len(others))
        listed = " ".join(_told(one) for one in others[:_MAX_LISTED])
        steps.append(f"{count.format(count=len(others))} {listed}")
    return kind(first.complaint.message, where=first.where, next_step=" ".join(steps))


def _told(one: PlacedComplaint) -> str:
    """A further mistake in short; a misspelt key needs the one that was meant beside it."""
    complaint = one.complaint
    step = f" {complaint.next_step}" if complaint.is_about_key else ""
    return f"{one.where}: {complaint.message}{step}"


def spell(path: KeyPath) -> str:
    """A key's way as people write it: `relays.main.port`, `sandbox.rules[2].reply`."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def complaints(exc: ValidationError, model: type[BaseModel]) -> list[Complaint]:
    """Each mistake that `exc` holds, against the keys that `model` knows.

    A key that is missing because it is misspelt is one mistake: it is told as the misspelt one.
    """
    errors = exc.errors(include_url=False)
    slips = _slips(errors)
    found = (error for error in errors if error["loc"] not in slips.values())
    return [_complaint(error, model, slips) for error in found]


def _slips(errors: Sequence[Any]) -> dict[KeyPath, KeyPath]:
    """Unknown keys that were probably meant to be missing ones: both as ways from the top."""
    missing = [error["loc"] for error in errors if error["type"] == "missing"]
    slips: dict[KeyPath, KeyPath] = {}
    for error in errors:
        if error["type"] != "extra_forbidden":
            continue
        *above, key = error["loc"]
        wanted = {str(it[-1]): it for it in missing if [*it[:-1]] == above}
        meant = nearest(str(key), [it for it in wanted if wanted[it] not in slips.values()])
        if meant is not None:
            slips[error["loc"]] = wanted[meant]
    return slips


def _complaint(error: Any, model: type[BaseModel], slips: dict[KeyPath, KeyPath]) -> Complaint:
    path: KeyPath = tuple(part for part in error["loc"] if part != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        meant = slips.get(error["loc"])
        return _unknown_key(path, model, str(meant[-1]) if meant else None)
    if kind == "missing":
        text = _("{key} is missing.").format(key=spell(path))
        return Complaint(path, text, _("Add a line {key}: it is required.").format(key=path[-1]))
    step = _("Correct {key} there.").format(key=spell(path)) if path else _("Correct it there.")
    if kind in _NO_TABLE and (inside := known_keys(model, path)):
        step = known_here(inside)
    if kind == "value_error":
        text = _("{key} can't be used: {reason}").format(key=spell(path), reason=context["error"])
        return Complaint(path, text if path else str(context["error"]), step)
    text = _(_EXPECTED.get(kind, N_("{key} has a value that can't be used.")))
    choices = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    return Complaint(path, text.format(key=spell(path), choices=choices, **context), step)


def _unknown_key(path: KeyPath, model: type[BaseModel], meant: str | None) -> Complaint:
    key, above = str(path[-1]), path[:-1]
    text = _("{key} is not a key that is known here.").format(key=spell(path))
    known = [meant] if meant else known_keys(model, above)
    elsewhere = [home for home in _homes(model, key) if home != above]
    if elsewhere and not nearest(key, known):
        place = spell(elsewhere[0]) or _("the top of the file")
        step = _("{key} belongs under {place}.").format(key=key, place=place)
    else:
        step = did_you_mean(key, known) or _("Take it out.")
    return Complaint(path, text, step, is_about_key=True)


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that `model` knows at `path`, as they are written in the file."""
    here: type[BaseModel] | None = model
    steps = list(path)
    while steps and here is not None:
        field = _fields(here).get(str(steps.pop(0)))
        here = _inner_model(field) if field is not None else None
        if field is not None and steps and _is_collection(field):
            steps.pop(0)
    return list(_fields(here)) if here is not None else []


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if not field.exclude  # filled in by the program, not by the user
    }


def _parts(annotation: Any) -> list[Any]:
    """The types that an annotation is made of: `tuple[X, ...] | None` -> tuple[...], X, None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [part for arg in get_args(annotation) for part in _parts(arg)]
    if origin in {dict, list, tuple}:
        return [annotation, *(part for arg in get_args(annotation) for part in _parts(arg))]
    return [annotation]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _is_collection(annotation: Any) -> bool:
    return any(get_origin(part) in {dict, list, tuple} for part in _parts(annotation))


def _homes(model: type[BaseModel], key: str, above: KeyPath = ()) -> list[KeyPath]:
    """Where in the file `key` is known; names that the user chooses stand as `…`."""
    homes = [above] if key in _fields(model) else []
    for name, annotation in _fields(model).items():
        inner = _inner_model(annotation)
        if inner is not None:
            step: KeyPath = (name, "…") if _is_collection(annotation) else (name,)
            homes += _homes(inner, key, (*above, *step))
    return homes
