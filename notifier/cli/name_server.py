"""DNS, asked for TXT records: by the system's own resolver, or at a name server that is named."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from notifier.errors import UsageError
from notifier.locale import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from dns.resolver import Resolver

#: Seconds for one name, however many servers are tried.
TIMEOUT = 10.0
_DNS_PORT = 53
_HOST_AND_PORT = re.compile(r"\[([^\]]+)\]:([0-9]{1,5})|([0-9.]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS has at a name."""

    #: The TXT records, the strings of each joined; none where there is no such name.
    records: tuple[str, ...] = ()
    #: Why it could not be asked, in plain words; empty: it answered.
    trouble: str = ""


def open_resolver(name_server: str | None, *, timeout: float = TIMEOUT) -> Callable[[str], Answer]:
    """What asks for the TXT records of a name.

    `name_server`: an IP address, a port after it or not; None: as this computer is set up.
    `timeout`: seconds for each name.

    Raises:
        UsageError: the name server is not written like that.
    """
    from dns.exception import DNSException
    from dns.resolver import NoResolverConfiguration, Resolver

    try:
        resolver = Resolver(configure=name_server is None)
    except NoResolverConfiguration:
        return lambda _name: Answer(trouble=_("this computer has no name server set up"))
    except DNSException as exc:
        trouble = str(exc)
        return lambda _name: Answer(trouble=trouble)
    if name_server is not None:
        host, resolver.port = parse_name_server(name_server)
        resolver.nameservers = [host]
    return lambda name: _ask(resolver, name, timeout)


def parse_name_server(text: str) -> tuple[str, int]:
    """`1.1.1.1`, `127.0.0.1:5353`, `2606:4700::1111` or `[::1]:5353` as address and port.

    Raises:
        UsageError: it is none of them.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    host, port = (match[1] or match[3], int(match[2] or match[4])) if match else (text, _DNS_PORT)
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError as exc:
        raise UsageError(
            _("`{text}` is not the address of a name server.").format(text=text),
            where="--nameserver",
            next_step=_("Write it in numbers: --nameserver 1.1.1.1"),
        ) from exc


def _ask(resolver: Resolver, name: str, timeout: float) -> Answer:
    from dns.exception import DNSException, Timeout
    from dns.resolver import NXDOMAIN, NoNameservers

    try:
        answer = resolver.resolve(
            f"{name}.", "TXT", lifetime=timeout, raise_on_no_answer=False, search=False
        )
    except NXDOMAIN:
        return Answer()
    except Timeout:
        return Answer(
            trouble=_("no answer within {seconds} seconds").format(seconds=f"{timeout:g}")
        )
    except NoNameservers:
        return Answer(trouble=_("the name servers refuse to answer, or fail"))
    except (DNSException, OSError) as exc:
        return Answer(trouble=str(exc))
    return Answer(
        tuple(b"".join(data.strings).decode("utf-8", "replace") for data in answer.rrset or ())
    )
