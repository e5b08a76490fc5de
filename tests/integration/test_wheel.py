from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The files in a wheel that is built from this tree, without asking the network."""
    pytest.importorskip("hatchling")
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", target, ROOT]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.mark.parametrize(
    "name",
    [
        "notifier/py.typed",
        "notifier/locale/en/LC_MESSAGES/notifier.mo",
        "notifier/locale/vi/LC_MESSAGES/notifier.mo",
        "notifier/report/page.html",
        "notifier/report/page.css",
        "notifier/ledger/migrations/env.py",
        "notifier/ledger/migrations/versions/0001_first_tables.py",
        "notifier/samples/notifier.toml",
        "notifier/samples/campaigns/grades.yaml",
        "notifier/samples/campaigns/campaign.schema.json",
    ],
)
def test_the_wheel_holds_what_is_no_code(names, name):
    """Catalogues, page, migrations, types and samples travel with the program."""
    assert name in names


def test_every_sample_travels(names):
    """What `notifier init --sample` copies is what the repository's root has."""
    tracked = subprocess.run(
        ["git", "ls-files", "campaigns", "templates", "data/samples"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.splitlines()  # fmt: skip
    assert {f"notifier/samples/{name}" for name in tracked} <= names


def test_nothing_else_travels(names):
    """No tests, no ledger, no mail that somebody's run left behind."""
    allowed = ("notifier/", "notifier-")
    assert all(name.startswith(allowed) for name in names)
    assert not [name for name in names if name.endswith((".sqlite", ".pyc", ".eml"))]
