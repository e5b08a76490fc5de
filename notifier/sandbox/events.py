"""What the sandbox tells of itself while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the sandbox did, for a log line."""

    #: kept, refused, deferred or dropped.
    kind: str
    sender: str
    address: str
    #: What the client was told; empty where the line was dropped.
    reply: str
    #: The message's file where it was kept.
    path: Path | None = None
