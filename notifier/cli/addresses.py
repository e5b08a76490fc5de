"""An address as somebody types it on the command line or in a list."""

from __future__ import annotations

from notifier.errors import UsageError
from notifier.locale import _


def parse_one(text: str, where: str) -> str:
    """The one address in the text, normalised; UsageError, naming `where`, for anything else."""
    from notifier.recipients.address import BadAddress, parse_addresses

    found = parse_addresses(text)
    if len(found) == 1 and not isinstance(found[0], BadAddress):
        return found[0]
    raise UsageError(
        _("{text} is not one valid address.").format(text=text),
        where=where,
        next_step=_("Write one address, such as office@example.com."),
    )
