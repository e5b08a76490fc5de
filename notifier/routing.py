"""Which relays a campaign is sent through, and who goes first: `relay:` and `relays:`.

relay: main                         one
relay: [main, backup]               in this order: the second while the first can't be used
relays:                             shared by weight; a higher priority number waits its turn
  - {name: main, weight: 3}
  - {name: second, weight: 1}
  - {name: backup, priority: 2}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from notifier.locale import _
from notifier.measures import single_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: The built-in capture server's name.
SANDBOX = "sandbox"


def _name(value: object) -> object:
    if isinstance(value, str):
        return single_line(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - pydantic's contract
            _("a name is expected; with weight or priority, write relays: [{name: ...}, ...].")
        )
    raise ValueError(_("put it in quotes, so that it is text."))


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(_("a number is expected here, not true or false."))  # noqa: TRY004 - pydantic's contract
    return value


def _entry(value: object) -> object:
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004 - pydantic's contract
            _("write {entry}; an order of preference is written relay: [{name}, ...].").format(
                entry=f"{{name: {value}}}", name=value
            )
        )
    return value


RelayName = Annotated[str, BeforeValidator(_name), Field(min_length=1)]
Whole = Annotated[int, BeforeValidator(_number), Field(ge=1, le=100)]


class RouteSpec(BaseModel):
    """One of the relays that a campaign is sent through."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: RelayName = Field(description="A relay's name in notifier.toml.")
    weight: Whole = Field(
        default=1, description="Its share of the messages among relays of the same priority."
    )
    priority: Whole = Field(
        default=1, description="The lowest number goes first; others wait until it can't be used."
    )


def read_names(value: object) -> object:
    """One name, or several in the order in which they are to be used, as a list of names."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple)):
        if not value:
            raise ValueError(_("a relay's name, or several, is expected."))
        return value
    return (_name(value),)


def in_order(names: Iterable[str]) -> tuple[RouteSpec, ...]:
    """Each of these relays only while those before it can't be used."""
    return tuple(
        RouteSpec(name=name, priority=number) for number, name in enumerate(names, start=1)
    )


def _check(routes: tuple[RouteSpec, ...]) -> tuple[RouteSpec, ...]:
    if not routes:
        raise ValueError(_("a relay's name, or several, is expected."))
    _check_names([route.name for route in routes])
    return routes


def _check_names(names: Sequence[str]) -> Sequence[str]:
    """ValueError where a relay is named twice, or the sandbox stands beside a real one."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(_("the relay {name} is named twice.").format(name=name))
    if SANDBOX in names and len(names) > 1:
        raise ValueError(
            _("the sandbox keeps mail and passes none on: it can't stand beside other relays.")
        )
    return names


#: `relay:`
RelayNames = Annotated[
    tuple[RelayName, ...],
    BeforeValidator(read_names),
    AfterValidator(_check_names),
    WithJsonSchema(
        {
            "type": ["string", "array", "null"],
            "items": {"type": "string"},
            "examples": ["main", ["main", "backup"]],
        }
    ),
]
#: `relays:`
RouteSpecs = Annotated[
    tuple[Annotated[RouteSpec, BeforeValidator(_entry)], ...],
    AfterValidator(_check),
]


def spell_routes(routes: Sequence[RouteSpec]) -> str:
    """The relays for people, those that go first before the others: `main, backup`."""
    return ", ".join(it.name for it in sorted(routes, key=lambda it: it.priority))


def chosen(routes: Sequence[RouteSpec], names: str) -> tuple[RouteSpec, ...]:
    """What `spell_routes` spelt so: of `routes` where they are among them, else in that order."""
    known = {it.name: it for it in routes}
    if names in known:
        return (known[names],)
    wanted = names.split(", ")
    if all(name in known for name in wanted):
        return tuple(known[name] for name in wanted)
    return in_order(wanted)
