from __future__ import annotations

import email
import email.policy

import pytest

from notifier.errors import MessageError
from notifier.model import Recipient
from notifier.render import attachments
from notifier.settings import LimitSettings

PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))


def make(compiled, **changes):
    """One recipient's message, as the standard library reads it."""
    values = {"line": 1, "key": "HS1", "address": "a@x.example", "name": "An", "row": {}}
    message = compiled.assemble(Recipient(**{**values, **changes}), token="t", at=0.0)
    return email.message_from_bytes(message.data, policy=email.policy.default)


def test_a_shared_attachment_arrives_whole(workspace):
    """Same bytes, its Vietnamese name, its type."""
    content = bytes(range(256)) * 1400
    workspace.write("data/Nội quy nhà trường.pdf", content)
    compiled = workspace.compile(
        {"grades/body.html": "<p>x</p>"}, attachments=("data/Nội quy nhà trường.pdf",)
    )
    parsed = make(compiled)
    assert parsed.get_content_type() == "multipart/mixed"
    (part,) = parsed.iter_attachments()
    assert part.get_filename() == "Nội quy nhà trường.pdf"
    assert part.get_content_type() == "application/pdf"
    assert part.get_content() == content
    assert (
        compiled.render(Recipient(1, "k", "a@x.example", "", {})).attachments[0].content == content
    )


def test_each_recipient_gets_their_own_file(workspace):
    """The path is completed by the recipient's values."""
    for key in ("HS1", "HS2"):
        workspace.write(f"data/phieu/{key}.pdf", key.encode())
    compiled = workspace.compile(
        {"grades/body.txt": "x"}, attachments=("data/phieu/{{ key }}.pdf",)
    )
    for key in ("HS1", "HS2", "HS1"):
        (part,) = make(compiled, key=key).iter_attachments()
        assert part.get_content() == key.encode()


@pytest.mark.parametrize(
    "key",
    [
        "missing",
        "../secret",
        "../../secret",
        "/etc/passwd\0",
        "..",
        "",
        "link",
        "folder/../../secret",
        "..\\secret",
        "a" * 5000,
    ],
)
def test_a_cell_leads_to_no_other_file(workspace, key):
    """Whatever a key holds, the file is below the folder that the campaign wrote out."""
    workspace.write("data/secret.pdf", b"secret")
    workspace.write("secret.pdf", b"secret")
    workspace.write("data/phieu/folder/x.pdf", b"x")
    (workspace.root / "data/phieu/link.pdf").symlink_to(workspace.root / "data/secret.pdf")
    compiled = workspace.compile(
        {"grades/body.txt": "x"}, attachments=("data/phieu/{{ key }}.pdf",)
    )
    with pytest.raises(MessageError) as caught:
        make(compiled, key=key)
    assert caught.value.where == "campaigns/grades.yaml"
    assert caught.value.problem in {"missing_attachment", "attachment_outside"}


@pytest.mark.parametrize("name", ["notifier.toml", ".env", "data/ledger.sqlite", "data/.x/a.pdf"])
def test_the_workspaces_own_files_are_never_sent(workspace, name):
    """Settings, secrets and the ledger stay at home, even if a cell names them."""
    workspace.write(name, b"secret")
    with pytest.raises(MessageError, match="never sent"):
        workspace.compile({"grades/body.txt": "x"}, attachments=(name,))
    compiled = workspace.compile({"grades/body.txt": "x"}, attachments=("{{ name }}",))
    with pytest.raises(MessageError, match="never sent"):
        make(compiled, name=name)


def test_a_missing_shared_file_is_told_when_compiled(workspace):
    """With its path."""
    with pytest.raises(MessageError, match=r"data/none\.pdf") as caught:
        workspace.compile({"grades/body.txt": "x"}, attachments=("data/none.pdf",))
    assert caught.value.problem == "missing_attachment"


def test_a_file_that_is_too_large_is_not_read(workspace):
    """The limit is a message's."""
    workspace.write("data/a.bin", b"x" * 5000)
    with pytest.raises(MessageError, match="larger"):
        workspace.compile(
            {"grades/body.txt": "x"},
            attachments=("data/a.bin",),
            limits=LimitSettings(max_message_bytes=4000),
        )


@pytest.mark.parametrize("name", ["data/pw.txt", "data/link.txt", "data/{{ key }}.txt"])
def test_a_file_with_a_password_is_never_sent(workspace, name):
    """Whatever notifier.toml names as holding a secret stays here, under any name or link."""
    secret = workspace.write("data/pw.txt", "canary-7f3a\n")
    (workspace.root / "data/link.txt").hardlink_to(secret)
    with pytest.raises(MessageError, match="password or key") as caught:
        make(
            workspace.compile(
                {"grades/body.txt": "x"},
                attachments=(name,),
                secret_files=(secret, workspace.root / "is_not_there.txt"),
            ),
            key="pw",
        )
    assert "canary" not in f"{caught.value.message}{caught.value.next_step}"


@pytest.mark.parametrize("kind", ["", "RSA ", "ENCRYPTED ", "OPENSSH "])
def test_a_private_key_is_never_sent(workspace, kind):
    """A key in PEM is known by its first line, as an attachment and as a picture."""
    workspace.write("data/a.png", f"-----BEGIN {kind}PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(MessageError, match="private key"):
        workspace.compile({"grades/body.txt": "x"}, attachments=("data/a.png",))
    with pytest.raises(MessageError, match="private key"):
        workspace.compile({"grades/body.html": '<img src="data/a.png" alt="">'})


def test_what_is_kept_encoded_is_bounded(workspace, monkeypatch):
    """The oldest goes first; what is asked for often stays."""
    monkeypatch.setattr(attachments, "CACHE_BYTES", 5_000)
    cabinet = attachments.Cabinet(workspace.root, 10_000)
    for number in range(10):
        workspace.write(f"data/{number}.bin", b"x" * 1000)
        cabinet.attach(f"data/{number}.bin")
        cabinet.attach("data/0.bin")
    assert sum(len(part.data) for part in cabinet._kept.values()) <= 5_000
    assert "data/0.bin" in cabinet._kept
    assert len(cabinet._kept) > 1


def test_an_inline_picture_travels_with_the_message(workspace):
    """`<img src>` beside the template becomes a cid; each file once; related around the HTML."""
    workspace.write("templates/grades/logo.png", PNG)
    compiled = workspace.compile(
        {"grades/body.html": '<img src="logo.png" alt="Trường"><img src="cid:logo.png" alt="">'}
    )
    parsed = make(compiled)
    assert parsed.get_content_type() == "multipart/alternative"
    _text, related = parsed.iter_parts()
    assert related.get_content_type() == "multipart/related"
    html, picture = related.iter_parts()
    content_id = picture["content-id"].strip("<>")
    assert html.get_content().count(f'src="cid:{content_id}"') == 2
    assert picture.get_content() == PNG
    assert picture.get_content_disposition() == "inline"
    assert "[Trường]" in parsed.get_body(("plain",)).get_content()


def test_a_picture_of_a_layout_lies_beside_the_layout(workspace):
    """Each file's pictures are looked for beside it first."""
    workspace.write("templates/_layouts/logo.png", PNG)
    compiled = workspace.compile(
        {
            "_layouts/a.html": '<img src="logo.png" alt="">{% block c %}{% endblock %}',
            "grades/body.html": '{% extends "_layouts/a.html" %}{% block c %}x{% endblock %}',
        }
    )
    assert "cid:" in compiled.render(Recipient(1, "k", "a@x.example", "", {})).html


def test_each_recipient_may_have_their_own_picture(workspace):
    """A computed `src` is found when it is known, below the template or the workspace."""
    workspace.write("data/photos/HS1.png", PNG)
    workspace.write("data/photos/HS2.png", PNG + b"2")
    compiled = workspace.compile(
        {"grades/body.html": '<p><img src="data/photos/{{ key }}.png" alt="{{ name }}"></p>'}
    )
    for key, content in (("HS1", PNG), ("HS2", PNG + b"2"), ("HS1", PNG)):
        parsed = make(compiled, key=key)
        pictures = [part for part in parsed.walk() if part.get_content_type() == "image/png"]
        assert [part.get_content() for part in pictures] == [content]
        html = parsed.get_body(("html",)).get_content()
        assert pictures[0]["content-id"].strip("<>") in html
    with pytest.raises(MessageError):
        make(compiled, key="../../notifier.toml\0")


@pytest.mark.parametrize("source", ["https://x.example/a.png", "data:image/png;base64,AA", "//x/a"])
def test_pictures_from_elsewhere_are_left_alone(workspace, source):
    """They are neither attached nor fetched."""
    html = workspace.html(f'<img src="{source}" alt="">')
    assert f'src="{source}"' in html


def test_a_missing_picture_is_told_with_the_line(workspace):
    """When the campaign is compiled."""
    with pytest.raises(MessageError, match=r"nope\.png") as caught:
        workspace.compile({"grades/body.html": '<p>\n<img src="nope.png" alt=""></p>'})
    assert caught.value.where == "templates/grades/body.html, line 2"


def test_a_preview_shows_its_pictures_and_runs_nothing(workspace):
    """One file for a browser, with a policy against scripts."""
    workspace.write("templates/grades/logo.png", PNG)
    compiled = workspace.compile(
        {"grades/body.html": '<html><head></head><body><img src="logo.png" alt=""></body></html>'}
    )
    page = compiled.render(Recipient(1, "k", "a@x.example", "", {})).page
    assert 'src="data:image/png;base64,iVBOR' in page
    assert '<head><meta http-equiv="Content-Security-Policy"' in page
