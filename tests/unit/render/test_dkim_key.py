from __future__ import annotations

import logging
import os
import pickle
import re
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from notifier.errors import SettingsError
from notifier.render.dkim_key import generate_pem, read_key, write_pem

KINDS = ("rsa", "ed25519")
POSIX = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture
def written(tmp_path):
    """A file with these bytes, readable by its owner alone."""

    def write(pem, mode=0o600):
        path = tmp_path / "key.pem"
        path.write_bytes(pem)
        path.chmod(mode)
        return path

    return write


def pem_of(key, encryption=None, form=PrivateFormat.PKCS8):
    """A private key as PEM."""
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_key_is_read_back(tmp_path, kind):
    """What is written is a key of the type that was asked for, and signs as such."""
    path = tmp_path / "keys" / "school.pem"
    write_pem(path, generate_pem(kind))
    key = read_key(path)
    assert key.public.kind == kind
    assert key.bits == {"rsa": 2048, "ed25519": 256}[kind]
    assert len(key.sign(b"\0" * 32)) == key.signature_bytes
    assert key.sign(b"\1" * 32) == key.sign(b"\1" * 32)


@POSIX
def test_a_new_file_is_its_owners_alone(tmp_path):
    """Mode 0600 whatever the umask, and 0700 for a folder that is made for it."""
    before = os.umask(0)
    try:
        write_pem(tmp_path / "keys" / "school.pem", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "keys" / "school.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_nothing_is_written_over(tmp_path):
    """An existing file, or a link to nowhere, is left as it is."""
    path = tmp_path / "key.pem"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="never written over") as caught:
        write_pem(path, b"x")
    assert caught.value.next_step
    assert path.read_text() == "precious"
    link = tmp_path / "link.pem"
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="never written over"):
        write_pem(link, b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_a_file_is_told(tmp_path):
    """A key that can't be written is an error of ours, with the file's name."""
    (tmp_path / "keys").write_text("")
    with pytest.raises(SettingsError) as caught:
        write_pem(tmp_path / "keys" / "key.pem", b"x")
    assert "key.pem" in caught.value.where


@POSIX
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666])
def test_a_key_that_others_may_use_is_refused(written, mode):
    """Group and world have no business with it, to read or to write."""
    path = written(generate_pem("ed25519"), mode)
    with pytest.raises(SettingsError, match="Others than its owner") as caught:
        read_key(path)
    assert "chmod 600" in caught.value.next_step
    path.chmod(0o400)
    assert read_key(path)


def test_a_missing_file_is_told_with_its_name(tmp_path):
    """Where, and what to do next."""
    with pytest.raises(SettingsError, match="can't be read") as caught:
        read_key(tmp_path / "no.pem")
    assert caught.value.where.endswith("no.pem")
    assert caught.value.next_step


def strangers():
    """What is no key of ours: PEM, and the sentence."""
    secret = ec.generate_private_key(ec.SECP256R1())
    public = secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    locked = rsa.generate_private_key(65537, 2048)
    return [
        (b"", "not a private key"),
        (b"canary-7f3a", "not a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nY2FuYXJ5LTdmM2E=\n-----END PRIVATE KEY-----\n", "not a pr"),
        (public, "not a private key"),
        (pem_of(secret), "neither an RSA nor an Ed25519"),
        (pem_of(locked, BestAvailableEncryption(b"pw")), "protected by a password"),
    ]


def test_what_is_no_key_of_ours_is_refused_without_being_shown(written):
    """A sentence each, with a next step; nothing of the file is repeated."""
    for pem, sentence in strangers():
        path = written(pem)
        with pytest.raises(SettingsError, match=sentence) as caught:
            read_key(path)
        assert caught.value.next_step
        assert "canary" not in repr(caught.value.as_dict()).replace(str(path), "")
        assert caught.value.__cause__ is None


def test_a_short_rsa_key_warns_and_a_shorter_one_is_refused(written, caplog):
    """Below 2048 bits a warning, below 1024 an error (RFC 8301)."""
    path = written(pem_of(rsa.generate_private_key(65537, 1024)))
    with caplog.at_level(logging.WARNING, "notifier"):
        assert read_key(path).bits == 1024
        read_key(path)
    assert len(caplog.records) == 1
    assert "1024 bits; 2048" in caplog.text


def test_an_rsa_key_that_receivers_refuse_is_refused(written):
    """768 bits, as of old: made elsewhere, since no library makes them any more."""
    path = written(RSA_768)
    with pytest.raises(SettingsError, match=r"768 bits|not a private key"):
        read_key(path)


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_keys_of_other_programs_are_read(written, form):
    """PKCS #1, as `openssl genrsa` and `opendkim-genkey` once wrote it, as well as PKCS #8."""
    key = rsa.generate_private_key(65537, 2048)
    assert read_key(written(pem_of(key, form=form))).public.kind == "rsa"


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_shows_nothing_of_itself(written, kind):
    """No repr, no str, no pickle holds what the file holds."""
    pem = generate_pem(kind)
    key = read_key(written(pem))
    material = re.sub(rb"-----[^-]+-----|\s", b"", pem).decode()
    shown = repr(key) + str(key) + repr([key])
    assert not any(material[at : at + 24] in shown for at in range(0, len(material) - 24, 8))
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


RSA_768 = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIByQIBAAJhANJ8hbfipZDXElVIEgIHM08/9imZYekOu/gftTS7bokhWlq5lE5r
RiD8R/CK5f3v7LV7uYSpxuMxciWjHWosXBkwtXHz7VbtxzEd/3EAZ7NJGOv8lfVq
jpuX9+OG//KjiwIDAQABAmBXNTJt0qDIVuOIo/iaEIOotRZ3e84+MlWc4v4/39xX
QpNd/X+90eJXbk8cEWBjCtEmorCVsn0R3XQhgWO8/TwQv42wo1eIzXvpJOqPK7Lq
ZGqmHTSY97RdMVLvyhttjNECMQDt7KwQSuIMBEgkdNDdmFAvf+d05uQ2KnWjTupy
mLRBOamm/FZijkdOaxb/xXoLVRMCMQDiejbn9Txi2R9XhKEiUwohkJz19fHZR35B
f/btSAMv61pkDIbA/TUk3SdTWv2r3qkCMAiQZ1UizOYv1UTyq33+eIxtJzCvCvHk
L13Ufl3nnz1lzPSEyrs7cdehxS8ptY3o3wIwdulIbt36SMRLin4exJDpHtp5L0Nl
Kno5Nlbj5Y4L7lsaaLGTBz1ra+GaRk/eJSGRAjBin85l/xL8o2jSL5UPPujMcvKx
Ltmo/VThVTCGSTN+CUiTcLPiXSqMkYZv7jXbeIQ=
-----END RSA PRIVATE KEY-----
"""
