"""Domains that are probably a slip of the pen: `gmial.com`, `gmail.con`, `yaho.com.vn`.

Mail to them goes to nobody, or to somebody else. It's a warning and never a rejection: a domain
that looks like a slip may be somebody's own.
"""

from __future__ import annotations

from functools import cache, lru_cache

#: Where most private mailboxes are, in Vietnam and elsewhere.
_POPULAR = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.com.vn", "hotmail.com", "outlook.com",
    "outlook.com.vn", "icloud.com", "live.com",
)  # fmt: skip
#: Other people's domains, a letter away from a popular one.
_REAL = frozenset(
    {
        "mail.com", "email.com", "ymail.com", "cloud.com", "like.com", "line.com", "live.cn",
        "live.co", "love.com", "lives.com", "alive.com", "olive.com", "five.com", "give.com",
        "hive.com", "dive.com", "jive.com", "liv.com", "life.com", "lime.com", "icloud.co",
    }
)  # fmt: skip
#: Written often, and a letter further than the others.
_FURTHER = {
    "gmail.com.vn": "gmail.com", "gmail.vn": "gmail.com", "gmail.con.vn": "gmail.com",
    "gmaill.con": "gmail.com", "gmial.con": "gmail.com", "gmailcom.vn": "gmail.com",
    "yahoo.vn": "yahoo.com.vn", "yahoo.con.vn": "yahoo.com.vn", "hotmail.com.vn": "hotmail.com",
    "icloud.com.vn": "icloud.com",
}  # fmt: skip
#: Endings that are no top-level domain -> the one that was meant.
_ENDINGS = {
    "con": "com", "cmo": "com", "ocm": "com", "comm": "com", "coom": "com", "ccom": "com",
    "vom": "com", "xom": "com", "cpm": "com", "cim": "com", "vnn": "vn", "vm": "vn", "nv": "vn",
    "edu.vb": "edu.vn", "eud": "edu",
}  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Left and right of g on a keyboard; other letters before "mail" are other people's names.
_BESIDE_G = frozenset("fhtvb")


def likely_domain(address: str) -> str:
    """The domain that was probably meant; empty where the address's own may well be right."""
    return _meant(address.rpartition("@")[2])


@lru_cache(maxsize=4096)  # a sheet's addresses have few different domains
def _meant(domain: str) -> str:
    return _near().get(domain, "") or _with_another_ending(domain)


def _with_another_ending(domain: str) -> str:
    name, _dot, ending = domain.rpartition(".")
    meant = _ENDINGS.get(ending)
    if not meant:
        return ""
    better = f"{name}.{meant}"
    return _near().get(better, better)


@cache
def _near() -> dict[str, str]:
    """Every text that is one slip away from a popular domain -> that domain."""
    found = dict(_FURTHER)
    for domain in _POPULAR:
        found.update((slip, domain) for slip in _slips_of(domain) if slip not in found)
    for real in (*_POPULAR, *_REAL):
        found.pop(real, None)
    return found


def _slips_of(word: str) -> set[str]:
    """One letter left out, doubled, added, another, or two in the wrong order."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    found = {a + b[1:] for a, b in cuts if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    found |= {a + letter + b for a, b in cuts for letter in _LETTERS}
    found |= {
        a + letter + b[1:]
        for a, b in cuts
        if b
        for letter in _LETTERS
        if a or not word.startswith("gmail") or letter in _BESIDE_G
    }
    return found - {word}
