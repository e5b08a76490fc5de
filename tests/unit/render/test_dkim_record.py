from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.render.dkim_key import PublicKey
from notifier.render.dkim_record import (
    Verdict,
    compare,
    parse_tags,
    record_strings,
    record_text,
    zone_lines,
)

RSA = PublicKey("rsa", "MIIB" + "A" * 388)
ED25519 = PublicKey("ed25519", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
P = f"p={RSA.data}"


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_record_of_ours_matches_its_key(key):
    """What is printed is what is looked for."""
    assert compare([record_text(key)], key).verdict is Verdict.MATCHES


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], Verdict.MISSING),
        ([P], Verdict.MATCHES),
        ([f"k=rsa; {P};"], Verdict.MATCHES),
        ([f" v = DKIM1 ; h=sha1:sha256; s=email; n=a note; {P} ; "], Verdict.MATCHES),
        ([f"v=DKIM1; p={RSA.data[:100]} \t{RSA.data[100:]}"], Verdict.MATCHES),
        ([f"v=DKIM1; s=*; {P}", "v=spf1 -all"], Verdict.MATCHES),
        ([f"v=DKIM1; {P}", f"v=DKIM1; {P}"], Verdict.SEVERAL),
        (["v=DKIM1; p="], Verdict.REVOKED),
        (["v=DKIM1; k=rsa; p= ; t=s"], Verdict.REVOKED),
        (["v=DKIM1; p=MIIB"], Verdict.DIFFERENT),
        ([record_text(ED25519)], Verdict.DIFFERENT),
        ([f"v=DKIM1; k=ed25519; {P}"], Verdict.DIFFERENT),
        ([f"v=DKIM1; h=sha1; {P}"], Verdict.RESTRICTED),
        ([f"v=DKIM1; s=tlsrpt; {P}"], Verdict.RESTRICTED),
        ([f"v=DKIM2; {P}"], Verdict.UNREADABLE),
        (["v=DKIM1"], Verdict.UNREADABLE),
        (["v=DKIM1; p=a; p=b"], Verdict.UNREADABLE),
        (["v=DKIM1 p=MIIB"], Verdict.UNREADABLE),
        (["v=spf1 include:a.example -all"], Verdict.UNREADABLE),
        (["google-site-verification"], Verdict.UNREADABLE),
        ([""], Verdict.UNREADABLE),
    ],
)
def test_every_state_of_a_record_has_its_verdict(records, verdict):
    """Missing, several, foreign, withdrawn, another key, our key with a restriction."""
    found = compare(records, RSA)
    assert found.verdict is verdict
    assert found.found == tuple(records)


def test_a_record_may_say_that_it_is_a_test():
    """`t=y` is told beside the verdict; `t=s` is something else."""
    assert compare([f"v=DKIM1; t=y:s; {P}"], RSA).is_testing
    assert not compare([f"v=DKIM1; t=s; {P}"], RSA).is_testing


def test_a_zones_file_gets_strings_of_255_bytes():
    """Joined they are the record; quoted, in brackets, behind the name."""
    text = record_text(RSA)
    pieces = record_strings(text)
    assert "".join(pieces) == text
    assert [len(piece) for piece in pieces] == [255, len(text) - 255]
    lines = zone_lines("a._domainkey.x.example.", text).splitlines()
    assert lines == [
        "a._domainkey.x.example. IN TXT (",
        f'    "{pieces[0]}"',
        f'    "{pieces[1]}" )',
    ]


@given(st.text() | st.text("vkpt=;DKIM1 \t:", max_size=40))
def test_any_text_can_be_looked_at(text):
    """Whatever stands in DNS, there is a verdict."""
    tags = parse_tags(text)
    assert tags is None or all(name.isidentifier() for name in tags)
    assert compare([text], RSA).verdict in Verdict
