"""A worker process that makes messages: `python -m notifier.delivery.workbench FD`.

`workshop` starts it, with one end of a socket pair as its only line to the world: first the recipes
come in and the compiled campaign's digests go out, then orders (and which recipe they are for) in
and products out, frame by frame. It ends when the other end is closed, however that happened.

Frames are a length (4 bytes, big-endian) and a pickle: both ends are this program, and nobody else
has a hand on the line.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import pickle
import signal
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from notifier import locale
from notifier.delivery.making import Made, Order, Recipe, Unmade, make
from notifier.model import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notifier.delivery.making import Product

LENGTH = struct.Struct("!I")

#: Bytes of a message from which it is made where it is sent from: handing it over costs more, and a
#: batch of such would fill the memory.
LARGE = 200_000

#: A product on the line: a message's fields and digest; the reason why there is none; None where it
#: is to be made in the process that ordered it: it is large, or something else broke, which can be
#: told there.
Flat: TypeAlias = tuple[str, str, bytes, bool, bool, bool, str] | str | None


def pack(value: object) -> bytes:
    """One frame."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(data)) + data


def flatten(product: Product) -> Flat:
    """The product as plain values, which cost a tenth to send."""
    if isinstance(product, Unmade):
        return product.reason
    message = product.message
    return (
        message.sender,
        message.address,
        message.data,
        message.needs_smtputf8,
        message.is_8bit,
        message.is_clean,
        product.digest,
    )


def unflatten(flat: Flat) -> Product | None:
    """The product again."""
    if flat is None:
        return None
    if isinstance(flat, str):
        return Unmade(flat)
    return Made(Message(*flat[:6]), flat[6])


def work(line: socket.socket) -> None:
    """Serve until the line is closed."""
    with contextlib.suppress(ConnectionError):  # the other end is gone
        _serve(line)


def _serve(line: socket.socket) -> None:
    opening = _receive(line)
    if opening is None:
        return
    language, recipes = opening
    assert all(isinstance(recipe, Recipe) for recipe in recipes)
    locale.use(language)
    compiled = [recipe.compile() for recipe in recipes]
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # messages make no cycles
    line.sendall(pack([it.digest for it in compiled]))
    while (frame := _receive(line)) is not None:
        recipe, orders = frame
        line.sendall(pack(_make_all(compiled[recipe].assemble, orders)))


def _make_all(assemble: Callable[..., Message], orders: Sequence[tuple[Any, ...]]) -> list[Flat]:
    products: list[Flat] = []
    for order in orders:
        try:
            product = make(assemble, Order(*order), _digest)
            is_large = isinstance(product, Made) and len(product.message.data) > LARGE
            products.append(None if is_large else flatten(product))
        except Exception:  # noqa: BLE001 - met again, and told, in the process that ordered it
            products.append(None)
    return products


def _digest(data: bytes) -> str:
    """In one piece: there is no other thread here that would take Python's lock."""
    return hashlib.sha256(data).hexdigest()


def _receive(line: socket.socket) -> Any:
    """The next frame's value; None where the line is closed."""
    head = _read(line, LENGTH.size)
    if head is None:
        return None
    data = _read(line, LENGTH.unpack(head)[0])
    return None if data is None else pickle.loads(data)  # noqa: S301 - see the head of this file


def _read(line: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    rest = memoryview(data)
    while rest:
        count = line.recv_into(rest)
        if not count:
            return None
        rest = rest[count:]
    return data


def main(arguments: Sequence[str]) -> None:
    """Serve the socket whose descriptor is the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that owns the wire
    with socket.socket(fileno=int(arguments[0])) as line:
        work(line)


if __name__ == "__main__":
    main(sys.argv[1:])
