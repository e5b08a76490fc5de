"""Whether the process of a worker still lives, as far as this host can tell."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def mark_of(pid: int, proc: Path = _PROC) -> str:
    """What tells a process from a later one with the same number; empty where nothing does.

    `boot id / pid namespace / start time in ticks`, where /proc has them (Linux); else empty.
    """
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
        space = (proc / "self/ns/pid").readlink()
        # The command in parentheses may hold spaces: fields count from behind it (proc(5)).
        fields = (proc / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    is_ghost = fields[0] in ("Z", "X")
    return "" if is_ghost else f"{boot}/{space}/{fields[19]}"


def boot_of(proc: Path = _PROC) -> str:
    """What tells the machine's start from earlier and later ones; empty where nothing does."""
    try:
        return (proc / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def has_died(pid: int, mark: str) -> bool | None:
    """Whether the process on this host is gone; None where that can't be told from here.

    A process in another container (pid namespace) can't be seen: its heartbeat decides.
    """
    mine = mark_of(os.getpid())
    if not mark or not mine:
        return None if _exists(pid) else True
    boot, space, _start = mark.split("/", 2)
    my_boot, my_space, _my_start = mine.split("/", 2)
    if boot != my_boot:
        return True  # the machine was started anew since
    if space != my_space:
        return None
    return mark_of(pid) != mark


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True
