"""What a signed message costs, beside `openssl speed` doing nothing but sign.

The whole message is made: templates filled in, assembled, signed. Apart from that, what is around
the bare signature: canonical forms, hashes, the field itself.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import assembly
import workspace

from notifier.campaign import load_campaign
from notifier.dkim_keys import DkimSettings
from notifier.render.dkim import Seal, Signer
from notifier.render.dkim_key import generate_pem, read_key, write_pem
from notifier.render.templates import compile_campaign
from notifier.settings import LimitSettings

#: The budgets of the project: microseconds around a signature; against `openssl speed`.
AROUND = 40
RATIO = 0.6
COUNT = 300
ROUNDS = 4
CORES = os.cpu_count() or 1


class Unsigned:
    """Signs nothing, for nothing: what is left is our own work."""

    signature_bytes = 256

    def __init__(self, key):
        self.public = key.public

    def sign(self, _digest):
        """As many bytes as an RSA-2048 signature."""
        return b"\0" * self.signature_bytes


def keys(root):
    """A key of each type for the campaign's domain."""
    found = {}
    for kind in ("rsa", "ed25519"):
        path = root / f"{kind}.pem"
        write_pem(path, generate_pem(kind))
        found[kind] = DkimSettings(domain="nguyendu.example", selector=kind, key_file=path)
    return found


def compiled(root, dkim):
    """The campaign of the workspace, signed by these keys."""
    return compile_campaign(
        load_campaign(root, "marks"),
        root=root,
        locale="vi",
        timezone="Asia/Ho_Chi_Minh",
        limits=LimitSettings(),
        dkim=dkim,
    )


def made_a_second(campaign, people):
    """Messages a second by all cores together, by the clock on the wall."""

    def work(ready, go):
        campaign.assemble(people[0], token="t", at=assembly.AT)
        ready.release()
        go.wait()
        for number, person in enumerate(people):
            campaign.assemble(person, token=f"t{number}", at=assembly.AT)

    context = multiprocessing.get_context("fork")
    ready, go = context.Semaphore(0), context.Event()
    workers = [context.Process(target=work, args=(ready, go)) for _core in range(CORES)]
    for worker in workers:
        worker.start()
    for _worker in workers:
        ready.acquire()
    began = time.perf_counter()
    go.set()
    for worker in workers:
        worker.join()
    return len(people) * CORES / (time.perf_counter() - began)


def openssl_signs():
    """RSA-2048 signatures a second by `openssl speed` on all cores; None where there is none."""
    if shutil.which("openssl") is None:
        return None
    command = ["openssl", "speed", "-seconds", "1", "-multi", str(CORES), "rsa2048"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"^rsa\s+2048 bits\s+\S+s\s+\S+s\s+([0-9.]+)", done.stdout, re.MULTILINE)
    return float(found[1]) if found else None


def measure():
    """Rows of (what, figure, ratio)."""
    people = list(assembly.recipients(COUNT))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace.make(root, port=1, recipients=1)
        found = keys(root)
        rows = [_row(root, name, dkim, people) for name, dkim in _choices(found)]
        around = _around(root, found["rsa"], people)
        reference = openssl_signs()
        rate = made_a_second(compiled(root, [found["rsa"]]), people * ROUNDS)
    rows.append(("  of which around the signature", f"{around:.0f} us", _share(around)))
    ratio = "no openssl here" if reference is None else f"{rate / reference:.2f} (must: {RATIO})"
    rows.append((f"signed messages, RSA-2048, {CORES} cores", f"{rate:.0f}/s", ratio))
    if reference is not None:
        rows.append((f"openssl speed rsa2048, {CORES} cores", f"{reference:.0f}/s", "1.00"))
    return rows


def _choices(found):
    yield "not signed", []
    yield "signed by Ed25519", [found["ed25519"]]
    yield "signed by both", [found["rsa"], found["ed25519"]]
    yield "signed by RSA-2048", [found["rsa"]]


def _row(root, name, dkim, people):
    campaign = compiled(root, dkim)
    cost = assembly.best(
        lambda person, token: campaign.assemble(person, token=token, at=assembly.AT), people, ROUNDS
    )
    return name, f"{cost:.0f} us", ""


def _around(root, key, people):
    data = compiled(root, []).assemble(people[0], token="t", at=assembly.AT).data
    signer = Signer([Seal(key.domain, key.selector, Unsigned(read_key(key.key_file)))])
    return assembly.best(
        lambda _person, _token: signer.sign(data, int(assembly.AT)), people * 10, ROUNDS
    )


def _share(around):
    return f"{around / AROUND:.2f} of budget"


if __name__ == "__main__":
    for row in measure():
        print(*row, sep=" | ")
