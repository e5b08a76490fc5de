"""What well-known providers allow, by name: `preset = "microsoft365"` (`presets.toml`)."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from notifier.locale import _
from notifier.nearest import nearest

#: The presets, each with the page that it was taken from.
SHIPPED = Path(__file__).with_name("presets.toml")


@cache
def _presets() -> dict[str, dict[str, Any]]:
    return tomllib.loads(SHIPPED.read_text("utf-8"))


def preset_names() -> list[str]:
    """All presets, in order."""
    return sorted(_presets())


def with_preset(table: dict[str, Any]) -> dict[str, Any]:
    """A relay's keys over those of the preset that it names; as they are where it names none.

    Raises:
        ValueError: there is no such preset; the sentence names the nearest, or all.
    """
    name = table.get("preset")
    if not name:
        return table
    preset = _presets().get(name) if isinstance(name, str) else None
    if preset is None:
        meant = nearest(str(name), preset_names())
        names = meant or ", ".join(preset_names())
        raise ValueError(_("a preset is one of: {names}.").format(names=names))
    if "tls" in table:  # the port goes with it
        preset = {key: value for key, value in preset.items() if key != "port"}
    return {**preset, **table}
