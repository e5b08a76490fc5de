"""The relay's side of signing in, for `ScriptedRelay.sasl`; written down from the RFCs alone.

    relay.sasl = ScramSide("secret", kind="tls-unique", data=...)
    relay.sasl = BearerSide({"good-token"})

Each is called with the mechanism's name, the initial response (bytes, or None), `ask(bytes)` for a
challenge and its answer, and the connection's TLS object; it gives the reply.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

WELCOME = "235 2.7.0 welcome"
REFUSED = "535 5.7.8 Error: authentication failed"


class ScramServer:
    """RFC 5802 section 3: one exchange, without a wire."""

    def __init__(self, password, first, *, salt=b"salt", rounds=4096):
        self.header, self.bare = first[: first.index("n=", 3)], first[first.index("n=", 3) :]
        self.client_nonce = self.bare.split("r=")[-1]
        self.salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
        self.first = f"r={self.client_nonce}ours,s={base64.b64encode(salt).decode()},i={rounds}"

    def check(self, final):
        """The signature for a right proof, None for a wrong one."""
        without, proof = final.rsplit(",p=", 1)
        message = f"{self.bare},{self.first},{without}".encode()
        key = hmac.digest(self.salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        shown = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        if shown != key:
            return None
        server_key = hmac.digest(self.salted, b"Server Key", "sha256")
        return base64.b64encode(hmac.digest(server_key, message, "sha256")).decode()

    @staticmethod
    def bound(final):
        """The channel binding input of the client's last message."""
        return base64.b64decode(final.partition(",")[0].removeprefix("c="))


class ScramSide:
    """A relay that checks SCRAM-SHA-256 and -PLUS."""

    def __init__(self, password, *, binding=None, offers_plus=False, knows_kinds=True, lies=False):
        self.password = password
        #: A function of the TLS object: (kind, data).
        self.binding = binding
        self.offers_plus = offers_plus
        self.knows_kinds = knows_kinds
        #: It says yes without the signature.
        self.lies = lies
        self.headers = []

    async def __call__(self, name, initial, ask, tls):
        server = ScramServer(self.password, initial.decode())
        self.headers.append(server.header)
        refusal = self.refuse(name, server.header)
        if refusal:
            return refusal
        final = (await ask(server.first)).decode()
        if self.lies:
            return WELCOME
        signature = server.check(final)
        if signature is None or server.bound(final) != self.expect(server.header, tls):
            await ask("e=invalid-proof" if signature is None else "e=channel-bindings-dont-match")
            return REFUSED
        await ask(f"v={signature}")
        return WELCOME

    def refuse(self, name, header):
        """RFC 5802 section 6: what the flag may not be."""
        if header.startswith("y") and self.offers_plus:
            return "535 5.7.8 server does support channel binding"
        if name.endswith("-PLUS") and not self.knows_kinds:
            return "535 5.7.8 unknown type of channel binding"
        return None

    def expect(self, header, tls):
        if not header.startswith("p="):
            return header.encode()
        kind, data = self.binding(tls)
        assert header == f"p={kind},,"
        return header.encode() + data


class BearerSide:
    """A relay that knows which tokens are good."""

    def __init__(self, good, *, username="office@school.example", status="invalid_token"):
        self.good = set(good)
        self.username = username
        self.status = status
        self.seen = []

    async def __call__(self, name, initial, ask, tls):
        said = initial if initial is not None else await ask("")
        fields = said.split(b"\x01")
        token = next(f for f in fields if f.startswith(b"auth=Bearer ")).split(b" ")[1].decode()
        who = (b"user=" if name == "XOAUTH2" else b"n,a=") + self.username.encode()
        self.seen.append((name, token))
        if token in self.good and fields[0].rstrip(b",") == who:
            return WELCOME
        told = json.dumps({"status": self.status, "schemes": "bearer"})
        answer = await ask(told)
        assert answer == (b"" if name == "XOAUTH2" else b"\x01")
        return "535 5.7.3 Authentication unsuccessful"
