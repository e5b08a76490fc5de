from __future__ import annotations

import email
import email.policy
from dataclasses import replace

import pytest

from notifier.campaign import load_campaign
from notifier.model import Recipient
from notifier.render.filters import Formats
from notifier.render.limits import Budget
from notifier.render.pages import Press
from notifier.render.templates import compile_campaign
from notifier.settings import LimitSettings

CAMPAIGN = """\
title: Kết quả học tập
from: "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
recipients: {file: data/list.csv, email: Email, columns: {toan: Toán}}
template: grades
"""
PNG = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256))
AT = 1_800_000_000.0  # Fri, 15 Jan 2027 15:00:00 +0700


class Workspace:
    """A workspace in a temporary folder."""

    def __init__(self, root):
        self.root = root
        self.write("campaigns/grades.yaml", CAMPAIGN)
        self.write("templates/grades/subject.txt", "Thư của {{ name }}\n")

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def compile(self, files=None, *, locale="vi", limits=None, dkim=(), secret_files=(), **changes):
        for name, content in (files or {}).items():
            self.write(f"templates/{name}", content)
        campaign = replace(load_campaign(self.root, "grades"), **changes)
        return compile_campaign(
            campaign,
            root=self.root,
            locale=locale,
            timezone="Asia/Ho_Chi_Minh",
            limits=limits or LimitSettings(),
            dkim=dkim,
            secret_files=secret_files,
        )

    def html(self, body, *, name="grades/body.html", **columns):
        """What this HTML template renders to."""
        compiled = self.compile({name: body})
        return compiled.render(recipient(columns=columns)).html

    def text(self, body, *, name="grades/body.html", **columns):
        """The text that is made from this HTML template."""
        compiled = self.compile({name: body})
        return compiled.render(recipient(columns=columns)).text


@pytest.fixture
def workspace(tmp_path):
    """A workspace with a campaign `grades` and a subject."""
    return Workspace(tmp_path)


@pytest.fixture
def press(tmp_path):
    """Compiles single templates, in Vietnamese, with half a second and 100,000 characters."""
    return Press(tmp_path, Formats("vi", "Asia/Ho_Chi_Minh"), Budget(0.5, 100_000))


@pytest.fixture
def fill(press):
    """Fills a text template in."""

    def fill(source, **context):
        page = press.compile_text(source, "test.txt")
        press.budget.begin()
        return page.render({**press.text.globals, **context})

    return fill


def recipient(**changes):
    """A recipient; `columns` and `row` as given."""
    values = {
        "line": 5,
        "key": "HS001",
        "address": "ph1@parents.example",
        "name": "Nguyễn Văn An",
        "row": {"Toán": 8.5, "Ngữ văn": 7, "Ghi chú": None},
    }
    return Recipient(**{**values, **changes})


def parse(message):
    """The message as the standard library reads it."""
    return email.message_from_bytes(message.data, policy=email.policy.default)


def assemble(compiled, **changes):
    """One message, made from `recipient(**changes)`."""
    return compiled.assemble(recipient(**changes), token="t0k3n", at=AT)
