from __future__ import annotations

import base64
import re
import shutil
import subprocess
from zoneinfo import ZoneInfo

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim.canonicalization import Relaxed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.dkim_keys import DkimSettings
from notifier.errors import MessageError, SettingsError
from notifier.render.dkim import (
    OVERSIGNED,
    Seal,
    Signer,
    load_signer,
    relaxed_body,
    relaxed_header,
)
from notifier.render.dkim_key import SigningKey, generate_pem, write_pem
from notifier.render.dkim_record import record_text
from notifier.render.message import Assembler, Content, Envelope
from notifier.settings import LimitSettings

#: In the past: verifiers refuse signatures of the future.
AT = 1_700_000_000
DOMAIN = "nguyendu.example"
KINDS = ("rsa", "ed25519")
KEYS = {kind: SigningKey(load_pem_private_key(generate_pem(kind), None)) for kind in KINDS}
SEALS = {kind: Seal(DOMAIN, f"{kind}.2027", KEYS[kind]) for kind in KINDS}
SIGNER = Signer(SEALS.values())
RECORDS = {
    f"{seal.selector}._domainkey.{DOMAIN}.".encode(): record_text(seal.key.public).encode()
    for seal in SEALS.values()
}
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TEXTS = st.one_of(
    st.text(max_size=120),
    st.text("aăâbcdđeêghiklmnoôơpqrstuưvxyỳýỵỷỹạảấầẩ NGÂÔ,.-()", max_size=300),
    st.text("abc=?_ \t", max_size=200),
    st.builds(lambda a, b: a + " " * 3 + b + "  ", st.text(max_size=20), st.text(max_size=20)),
    st.sampled_from(["x" * 1200, "hi\r\nBcc: x@evil.example", "word " * 60]),
)
BODIES = st.one_of(
    TEXTS,
    st.just(""),
    st.text("ab.\n\r =_-", max_size=400),
    st.text("ab \t\n", max_size=400),
    st.lists(st.sampled_from(["", " ", "\t", "a  b", "a ", " a", "From x", "é"]), max_size=12).map(
        "\n".join
    ),
)
FILE = b'Content-Type: text/plain;\r\n name="a b.txt"\r\n\r\nQUJD\r\n'


def assembler(signer=SIGNER, *, max_bytes=10_000_000, **changes):
    """An assembler that signs."""
    values = {
        "sender_name": "Trường THPT Nguyễn Du",
        "sender_address": f"daotao@{DOMAIN}",
        "reply_to": None,
        "list_id": None,
        "zone": ZoneInfo("Asia/Ho_Chi_Minh"),
    }
    envelope = Envelope(**{**values, **changes})
    return Assembler(envelope, digest="0123456789abcdef", max_bytes=max_bytes, signer=signer)


MADE = assembler()
FULL = assembler(reply_to="gvcn@nguyendu.example", list_id="grades.nguyendu.example")


def make(*, by=FULL, address="a@x.example", name="An", **changes):
    """One message."""
    content = Content(**{"subject": "Chào", "text": "x", "html": "<p>x</p>", **changes})
    return by.assemble(address, name, content, token="t0k3n", at=AT)


def verifies(data, index=0):
    """Whether dkimpy accepts the signature of that number, from the top."""
    try:
        return dkimpy.DKIM(data).verify(index, lambda name, **_: RECORDS.get(name))
    except dkimpy.DKIMException:
        return False


def fields(data):
    """The header's fields, each as it is written, and what follows them."""
    head, _gap, body = data.partition(b"\r\n\r\n")
    return re.split(rb"\r\n(?![ \t])", head), body


def joined(lines, body):
    """The message of these fields and body."""
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@QUICK
@given(
    by=st.sampled_from([MADE, FULL]),
    address=st.sampled_from(["a@x.example", '"a  b"@x.example', "ă@trường.example", "l@[::1]"]),
    content=st.fixed_dictionaries(
        {"name": TEXTS, "subject": TEXTS, "text": BODIES, "html": st.none() | BODIES}
    ),
)
def test_every_message_verifies_by_both_signatures(by, address, content):
    """Whatever cells hold, an independent verifier accepts what was signed."""
    try:
        data = make(by=by, address=address, **content).data
    except MessageError:
        return
    assert verifies(data, 0)
    assert verifies(data, 1)
    assert max(map(len, data.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


@QUICK
@given(BODIES, st.sampled_from([b"\r\n", b"\t\r\n", b" \r\n\r\n", b"x"]))
def test_any_body_has_the_canonical_form_that_others_make(text, end):
    """The relaxed form of a body is dkimpy's, to the byte (RFC 6376, 3.4.4)."""
    body = re.sub(rb"\r|\n", b"\r\n", text.encode("utf-8", "replace")) + end
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)
    assert verifies(Signer([SEALS["ed25519"]]).sign(b"From: a@x.example\r\n\r\n" + body, AT))


@pytest.mark.parametrize(
    ("body", "relaxed"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \t", b""),
        (b"a \t", b"a\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
    ],
)
def test_the_examples_of_the_standard(body, relaxed):
    """RFC 6376, 3.4.4 and 3.4.5; a last line without an end gets one."""
    assert relaxed_body(body) == relaxed


PIECES = [b"a", b"b ", b" ", b"\t", b"\r\n ", b"\r\n\t", b": ", b"\xc3\xa9"]
FIELD = st.builds(
    lambda name, gap, value: name + b":" + gap + value + b"\r\n",
    st.sampled_from([b"From", b"SUBJECT", b"X-a", b"to"]),
    st.sampled_from([b"", b" ", b"  ", b"\t", b"\r\n "]),
    st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join),
)


@QUICK
@given(st.lists(FIELD, max_size=4).map(b"".join))
def test_any_header_has_the_canonical_form_that_others_make(block):
    """The relaxed form of a header is dkimpy's, to the byte (RFC 6376, 3.4.2)."""
    parsed, _body = dkimpy.rfc822_parse(block + b"\r\n")
    theirs = [b":".join(field) for field in Relaxed.canonicalize_headers(parsed)]
    names, ours = relaxed_header(block)
    assert ours == b"".join(theirs)
    assert relaxed_header(b"From \t: a\r\n") == ((b"From",), b"from:a\r\n")
    assert [name.lower() for name in names] == [it.partition(b":")[0] for it in theirs]


@pytest.mark.parametrize("index", [0, 1], ids=KINDS)
@pytest.mark.parametrize("html", [None, "<p>x</p>"], ids=["text", "html"])
def test_a_change_of_any_field_or_of_the_body_breaks_the_signature(index, html):
    """Each field of the header and the body are signed: changed, emptied or taken out."""
    lines, body = fields(make(html=html).data)
    assert verifies(joined(lines, body), index)
    assert not verifies(joined(lines, body.replace(b"x", b"y").replace(b"e", b"f")), index)
    assert not verifies(joined(lines, body + b"more\r\n"), index)
    mine = [place for place, line in enumerate(lines) if not line.startswith(b"DKIM-")]
    assert len(mine) == len(lines) - 2
    for place in mine:
        name = lines[place].partition(b":")[0]
        changed = [*lines[:place], lines[place] + b"x", *lines[place + 1 :]]
        assert not verifies(joined(changed, body), index), name
        emptied = [*lines[:place], name + b":", *lines[place + 1 :]]
        assert not verifies(joined(emptied, body), index), name
        assert not verifies(joined([*lines[:place], *lines[place + 1 :]], body), index), name


@pytest.mark.parametrize("index", [0, 1], ids=KINDS)
@pytest.mark.parametrize("name", OVERSIGNED)
@pytest.mark.parametrize("by", [MADE, FULL], ids=["plain", "full"])
def test_no_field_that_readers_go_by_can_be_added(by, name, index):
    """A further From, Subject, ... breaks the signature, above ours or below, also a first one."""
    lines, body = fields(make(by=by).data)
    extra = f"{name}: Someone else <x@evil.example>".encode()
    assert not verifies(joined([extra, *lines], body), index)
    assert not verifies(joined([*lines, extra], body), index)


@pytest.mark.parametrize("index", [0, 1], ids=KINDS)
def test_what_honest_relays_do_breaks_nothing(index):
    """Trace fields, other folding, other blanks, a list's own field: the signature still holds."""
    lines, body = fields(make(by=MADE, text="a  b\n\n\n").data)
    trace = [b"Received: from a by b; now", b"Return-Path: <x@y.example>", b"Sender: x@y.example"]
    assert verifies(joined([*trace, *lines, b"List-Id: <l.example>"], body), index)
    folded = [line.replace(b" ", b"\r\n\t  ", 1) if b"From:" in line else line for line in lines]
    assert folded != lines
    assert verifies(joined(folded, body + b"\r\n\r\n"), index)
    lowered = [line.replace(b"Subject:", b"SUBJECT:", line.startswith(b"S")) for line in lines]
    assert verifies(joined(lowered, body), index)


def test_the_same_message_has_the_same_bytes():
    """Signatures are deterministic, and `t=` is the message's own time."""
    assert make().data == make().data
    assert b" t=%d;" % AT in make().data
    again = Signer(SEALS.values())
    assert make(by=assembler(again)).data == make(by=MADE).data


def test_signatures_stand_on_top_in_lines_of_mail():
    """One for each key, in the order of the keys, no line longer than 78 characters."""
    data = make(by=MADE).data
    lines, _body = fields(data)
    heads = [line.partition(b";")[2].partition(b";")[0] for line in lines[:3]]
    assert heads[:2] == [b" a=rsa-sha256", b" a=ed25519-sha256"]
    assert b"DKIM" not in lines[2]
    assert max(map(len, b"\r\n".join(lines[:2]).split(b"\r\n"))) <= 78
    assert data.endswith(make(by=assembler(None)).data)


def test_attachments_and_pictures_are_signed():
    """A message of every part verifies, also one that is hashed in large pieces."""
    file = FILE + b"QUJD\r\n" * 40_000
    data = make(text="a  b\n", pictures=[FILE], files=[file, FILE]).data
    assert verifies(data, 0)
    assert verifies(data, 1)
    assert not verifies(data.replace(b"QUJD\r\n\r\n--", b"QUJE\r\n\r\n--", 1), 0)


def test_a_message_may_not_grow_over_the_limit_by_being_signed():
    """The limit is on what leaves; what signing adds is never more than is reckoned with."""
    plain, signed = make(by=assembler(None)).data, make(by=MADE).data
    assert len(signed) - len(plain) <= SIGNER.max_bytes
    make(by=assembler(max_bytes=len(plain) + SIGNER.max_bytes))
    with pytest.raises(MessageError, match="limit"):
        make(by=assembler(max_bytes=len(plain) + SIGNER.max_bytes - 1))


def test_the_longest_names_fit():
    """A domain of 253 characters and a selector of 63 are written, and within the reckoning."""
    domain = ".".join(["d" * 62] * 3 + ["d" * 60, "x"])
    signer = Signer([Seal(domain, "s" * 63, KEYS["rsa"])])
    plain = make(by=assembler(None)).data
    signed = make(by=assembler(signer)).data
    assert len(signed) - len(plain) <= signer.max_bytes
    assert max(map(len, signed.split(b"\r\n"))) <= 998


def test_a_message_can_be_made_without_its_signatures():
    """What is only looked at need not cost a signature; its other bytes are the same."""
    content = Content("Chào", "x", None)
    seen = MADE.assemble("a@x.example", "An", content, token="t", at=AT, is_signed=False)
    sent = MADE.assemble("a@x.example", "An", content, token="t", at=AT)
    assert sent.data.endswith(seen.data)
    assert b"DKIM" not in seen.data


def test_a_field_that_stands_twice_is_not_signed():
    """Our messages have none; one that had would be somebody else's doing."""
    with pytest.raises(MessageError):
        SIGNER.sign(b"From: a@x.example\r\nfrom: b@x.example\r\n\r\nx\r\n", AT)


def test_rfc_8463_appendix_a():
    """The message, key, body hash and signature of RFC 8463, A."""
    key = SigningKey(
        Ed25519PrivateKey.from_private_bytes(
            base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
        )
    )
    assert key.public.data == "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert relaxed_body(RFC_8463_BODY) == RFC_8463_BODY
    digest = sha256(RFC_8463_BODY)
    assert base64.b64encode(digest) == b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
    _names, header = relaxed_header(RFC_8463_HEADER)
    _name, own = relaxed_header(RFC_8463_FIELD)
    signature = key.sign(sha256(header + own.removesuffix(b"\r\n")))
    assert base64.b64encode(signature) == (
        b"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    )


def sha256(data):
    """The digest."""
    from hashlib import sha256

    return sha256(data).digest()


RFC_8463_HEADER = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>
""".replace(b"\n", b"\r\n")
RFC_8463_BODY = b"""\
Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n").replace(b".  ", b". ")
RFC_8463_FIELD = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=
""".replace(b"\n", b"\r\n")


# --- from settings -----------------------------------------------------------------------------


@pytest.fixture
def key_settings(tmp_path):
    """A table of notifier.toml and its key."""

    def write(kind, **changes):
        path = tmp_path / f"{kind}.pem"
        if not path.exists():
            write_pem(path, generate_pem(kind))
        values = {"domain": DOMAIN, "selector": kind, "key_file": path}
        return DkimSettings(**{**values, **changes})

    return write


def test_no_keys_no_signer():
    """A campaign without keys is as it was."""
    assert load_signer([]) is None


def test_a_key_that_cannot_be_used_stops_the_campaign(tmp_path):
    """Before anything is sent, and with its file's name."""
    key = DkimSettings(domain=DOMAIN, selector="a", key_file=tmp_path / "no.pem")
    with pytest.raises(SettingsError) as caught:
        load_signer([key])
    assert "no.pem" in caught.value.where


def test_the_identity_changes_with_whatever_changes_signatures(key_settings):
    """Domain, selector, key and order; the private key is not in it."""
    rsa, ed25519 = key_settings("rsa"), key_settings("ed25519")
    identities = [
        repr(load_signer(keys).identity)
        for keys in (
            [rsa],
            [ed25519],
            [rsa, ed25519],
            [ed25519, rsa],
            [key_settings("rsa", domain="other.example")],
            [key_settings("rsa", selector="other")],
        )
    ]
    assert len(set(identities)) == len(identities)
    rsa.key_file.unlink()
    assert repr(load_signer([key_settings("rsa")]).identity) not in identities


def test_a_campaigns_digest_covers_its_keys(workspace, key_settings):
    """With another selector or key it is another campaign; without keys it is as before."""
    workspace.write("templates/grades/body.txt", "x")
    keys = [(), (key_settings("rsa"),), (key_settings("rsa", selector="other"),)]
    digests = [workspace.compile(dkim=it).digest for it in keys]
    assert len(set(digests)) == 3
    assert workspace.compile().digest == digests[0]


def test_a_compiled_campaign_signs(workspace, key_settings):
    """The stored message, its limits and its preview know of the signature."""
    from notifier.model import Recipient

    workspace.write("templates/grades/body.txt", "x")
    compiled = workspace.compile(dkim=(key_settings("rsa"),), limits=LimitSettings())
    person = Recipient(5, "K", "a@x.example", "An", {})
    message = compiled.assemble(person, token="t", at=AT)
    assert message.data.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=nguy")
    assert message.data == compiled.assemble(person, token="t", at=AT).data


# --- opendkim ----------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("opendkim") is None, reason="apt install opendkim")
@pytest.mark.parametrize("text", ["Chào các em", "plain  text \n\n\n", ""])
def test_opendkim_accepts_what_we_sign(tmp_path, text):
    """RSA alone: Debian's opendkim knows no Ed25519."""
    key = KEYS["rsa"]
    (tmp_path / "keys").write_text(f"rsa.2027._domainkey.{DOMAIN} {record_text(key.public)}\n")
    (tmp_path / "conf").write_text(f"Mode v\nTestDNSData file:{tmp_path}/keys\n")
    signer = Signer([SEALS["rsa"]])
    by = assembler(signer, list_id="a.example")
    good = make(text=text, html=None, by=by).data
    for data, verdict in ((good, True), (good + b"x\r\n", False)):
        (tmp_path / "message.eml").write_bytes(data)
        done = subprocess.run(
            ["opendkim", "-x", tmp_path / "conf", "-t", tmp_path / "message.eml"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (") succeeded" in done.stdout) is verdict


@pytest.mark.parametrize("cut", [b"tail\r\n", b" ta\t il  \r\n\r\n\r\n", b"\r\n\r\n"])
@pytest.mark.parametrize("body", [b"head\r\n", b"he \t ad  \r\n\r\n"])
def test_a_message_in_two_pieces_has_the_signature_of_the_whole(body, cut):
    """What follows in a piece of its own is signed with the rest, whatever its blanks."""
    data = b"From: daotao@nguyendu.example\r\nSubject: x\r\n\r\n" + body
    assert SIGNER.sign(data, AT, cut) + cut == SIGNER.sign(data + cut, AT)
