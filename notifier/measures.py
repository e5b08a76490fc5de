"""Values as people write them: rates (`600/hour`), durations (`1h30m`), counts, zones, domains.

Pure; each function raises ValueError with a sentence for the reader, which says what is expected.
"""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, available_timezones

from notifier.locale import _
from notifier.model import Rate
from notifier.nearest import nearest

#: Seconds in a unit, by each way to write it (Vietnamese included).
_UNITS: dict[str, float] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "second", "seconds", "giây"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes", "phút"), 60.0),
    **dict.fromkeys(("h", "hour", "hours", "giờ"), 3600.0),
    **dict.fromkeys(("d", "day", "days", "ngày"), 86400.0),
    **dict.fromkeys(("w", "week", "weeks", "tuần"), 604800.0),
}
_RATE = re.compile(r"(\d[\d_]*)\s*(?:/|per\s)\s*(\d+(?:\.\d+)?)?\s*([^\W\d_]+)")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)\s*([^\W\d_]+)\s*")
_RANGE = re.compile(r"(\d+)\s*(?:\.\.|-|–|\.\.\.|…)\s*(\d+)")
_BOUND = re.compile(r"(>=|<=|≥|≤)\s*(\d+)")

_DOMAIN = re.compile(r"[^\s@.*]+(?:\.[^\s@.*]+)*")
#: The entry for every recipient domain that has none of its own.
ANY_DOMAIN = "*"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_MAX_COUNT = 10**9
_MAX_SECONDS = 366 * 86400.0


def parse_rate(text: object) -> Rate:
    """`20/second`, `600/hour`, `10000/day`, `100/10s` as a Rate.

    Raises:
        ValueError: it is not written like that; the sentence says how.
    """
    if isinstance(text, Rate):
        return text
    found = _RATE.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    unit = _UNITS.get(found[3]) if found else None
    if not found or unit is None:
        raise ValueError(_("A rate is written like 20/second, 600/hour or 10000/day."))
    count, seconds = int(found[1].replace("_", "")), float(found[2] or 1) * unit
    if not (1 <= count <= _MAX_COUNT and 0 < seconds <= _MAX_SECONDS):
        raise ValueError(_("A rate allows at least 1 message, in a span of at most a year."))
    return Rate(count, seconds)


def parse_rates(value: object) -> tuple[Rate, ...]:
    """One rate, several in one text (`20/second, 10000/day`), or a list of them.

    Raises:
        ValueError: as `parse_rate`.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(parse_rate(part) for part in re.split(r"[,;]", value) if part.strip())
    if isinstance(value, (list, tuple)):
        return tuple(parse_rate(part) for part in value)
    return (parse_rate(value),)


def parse_duration(value: object) -> float:
    """`90s`, `5m`, `1h30m`, `2d`, or a number of seconds, as seconds.

    Raises:
        ValueError: it is not written like that, or is negative.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _bounded(float(value))
    text = value.strip().lower() if isinstance(value, str) else ""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return _bounded(float(text))
    pieces = _PIECE.findall(text)
    if not pieces or "".join(_PIECE.split(text)[::3]) or any(u not in _UNITS for _n, u in pieces):
        raise ValueError(_("A duration is written like 30s, 5m, 1h30m or 2d."))
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in pieces))


def parse_age(value: object) -> float:
    """`90d`, `12w` or `2y` (of 365 days), as seconds: how long something is kept.

    Raises:
        ValueError: it is not written like that, or is more than a century.
    """
    found = re.fullmatch(r"(\d{1,5})\s*([dwy])", str(value).strip().lower())
    days = int(found[1]) * {"d": 1, "w": 7, "y": 365}[found[2]] if found else -1
    if not 0 <= days <= 36_500:  # noqa: PLR2004 - a century of days
        raise ValueError(_("How long something is kept is written like 90d, 12w or 2y."))
    return days * 86_400.0


def _bounded(seconds: float) -> float:
    if not 0 <= seconds <= _MAX_SECONDS:
        raise ValueError(_("A duration is at least 0 and at most a year."))
    return seconds


def parse_count_range(value: object) -> tuple[int, int | None]:
    """`30..60`, `>=30`, `<=60` or a single number, as (lowest, highest); None: no highest.

    Raises:
        ValueError: it is not written like that, or the lowest is above the highest.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value, value
    text = value.strip() if isinstance(value, str) else ""
    if text.isascii() and text.isdigit():
        return int(text), int(text)
    if found := _BOUND.fullmatch(text):
        bound = int(found[2])
        return (bound, None) if found[1] in {">=", "≥"} else (0, bound)
    found = _RANGE.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(_('A count is written like 30..60, 45 or ">=30".'))
    return int(found[1]), int(found[2])


def check_timezone(name: str) -> str:
    """`name` if it is a zone of the IANA database.

    Raises:
        ValueError: it is not; the sentence names the nearest one.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = {zone.rpartition("/")[2]: zone for zone in sorted(available_timezones())}
        match = nearest(name, known.values()) or known.get(nearest(name, known) or "")
        text = _("a time zone such as {zone} is expected.")
        raise ValueError(text.format(zone=match or "Asia/Ho_Chi_Minh")) from None
    return name


def single_line(text: str) -> str:
    """`text` if it can stand on one line of a header or command.

    Raises:
        ValueError: it holds a line break or another control character.
    """
    if _CONTROL.search(text):
        raise ValueError(_("it must not hold line breaks or control characters."))
    return text


def spell_domain(name: str) -> str:
    """A domain as domains are compared: in lower case, and in ASCII where that can be."""
    lower = name.lower()
    if lower.isascii():
        return lower
    try:
        return lower.encode("idna").decode("ascii")
    except UnicodeError:
        return lower


def parse_domain(name: str) -> str:
    """A recipient domain (`gmail.com`), or `*` for every other one, as it is compared.

    Raises:
        ValueError: it is neither.
    """
    text = single_line(name).strip()
    if text != ANY_DOMAIN and not _DOMAIN.fullmatch(text):
        raise ValueError(_('a domain such as "gmail.com" is expected, or "*" for every other one.'))
    return spell_domain(text)
