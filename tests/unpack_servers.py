"""Unpack Exim and OpenSMTPD into folders of their own, for `make interop`.

Debian's packages of mail servers exclude one another, so these two are fetched by `apt-get
download`, with the libraries that they need, unpacked below build/interop, and given users and
devices of their own there; nothing is installed, and the host's users stay as they are. What is
there already is not fetched again. It says plainly where it can't be done, and that is no failure:
the tests of that server are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1] / "build/interop"
#: Folder -> packages of the server itself.
SERVERS = {
    "exim": ("exim4-daemon-light", "exim4-base"),
    "opensmtpd": ("opensmtpd",),
}
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
Debian-exim:x:901:901::/var/spool/exim4:/usr/sbin/nologin
opensmtpd:x:902:902::/var/empty:/usr/sbin/nologin
opensmtpq:x:903:903::/var/empty:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = """\
root:x:0:
mail:x:8:
adm:x:4:
Debian-exim:x:901:
opensmtpd:x:902:
opensmtpq:x:903:
nogroup:x:65534:
"""
#: Device -> major, minor.
DEVICES = {"null": (1, 3), "random": (1, 8), "urandom": (1, 9)}
TIME_LIMIT = 120


def run(*command, folder=None):
    """Its output; raises CalledProcessError."""
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder, timeout=TIME_LIMIT
    )
    return done.stdout


def needed(packages):
    """The packages, and the libraries that they depend on, themselves included."""
    tree = run(
        "apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts",
        "--no-breaks", "--no-replaces", "--no-enhances", *packages,
    )  # fmt: skip
    edges, origin = {}, ""
    for line in tree.splitlines():
        if not line.startswith((" ", "|")):
            origin = line.strip()
        elif (found := re.match(r"[ |]+(?:Pre)?Depends: ([a-z0-9][a-z0-9.+-]*)", line)) is not None:
            edges.setdefault(origin, []).append(found[1])
    wanted, waiting = set(), list(packages)
    while waiting:
        name = waiting.pop()
        if name not in wanted and (name in packages or is_library(name)):
            wanted.add(name)
            waiting += edges.get(name, [])
    return sorted(wanted)


def is_library(name):
    """Whether programs need it to run (and not only to be installed)."""
    return name.startswith(("lib", "gcc-", "zlib")) and not name.startswith(("libpam-", "libfile-"))


def unpack(folder, packages):
    """Fetch and unpack them into a root of their own."""
    target = ROOT / folder
    shutil.rmtree(target, ignore_errors=True)
    fetched = target / "fetched"
    fetched.mkdir(parents=True)
    run("apt-get", "download", "-qq", *needed(packages), folder=fetched)
    for archive in sorted(fetched.glob("*.deb")):
        run("dpkg", "-x", archive, target)
    shutil.rmtree(fetched)
    for name in ("etc", "dev", "tmp", "root", "run", "var/empty"):
        (target / name).mkdir(parents=True, exist_ok=True)
    (target / "etc/passwd").write_text(PASSWD)
    (target / "etc/group").write_text(GROUP)
    (target / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (target / "etc/aliases").write_text("")
    for name, (major, minor) in DEVICES.items():
        path = target / "dev" / name
        os.mknod(path, 0o020666, os.makedev(major, minor))
        path.chmod(0o666)
    (target / "ready").touch()


def why_not():
    """What is missing; None where it can be done."""
    if os.geteuid() != 0:
        return "this needs root, for the servers run in a chroot"
    missing = [name for name in ("apt-get", "dpkg", "chroot") if shutil.which(name) is None]
    return f"this needs Debian's or Ubuntu's {missing[0]}" if missing else None


def main():
    """Unpack what is not there yet."""
    reason = why_not()
    for folder, packages in SERVERS.items():
        if (ROOT / folder / "ready").exists():
            print(f"{folder}: here already")
        elif reason:
            print(f"{folder}: not here, its tests are skipped: {reason}")
        else:
            try:
                unpack(folder, packages)
            except (OSError, subprocess.SubprocessError) as exc:
                told = (getattr(exc, "stderr", None) or str(exc)).strip().splitlines()
                print(f"{folder}: not to be had, its tests are skipped: {told[-1]}")
                print("  next: apt-get update, then make interop again")
            else:
                print(f"{folder}: unpacked in {ROOT / folder}")


if __name__ == "__main__":
    sys.exit(main())
