import os
import re
import signal
import smtplib
import subprocess
import sys

import pytest


@pytest.fixture
def served(workspace):
    """`notifier sandbox` on a free port, in a process of its own; (process, port)."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "notifier", "sandbox", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=workspace,
        env={**os.environ, "NOTIFIER_LOCALE": "en"},
    )
    try:
        port = None
        while port is None:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            port = int(found[1]) if found else None
        yield process, port
    finally:
        process.kill()
        process.communicate()


def test_the_sandbox_takes_mail_until_ctrl_c(served, workspace):
    """It says where it listens, logs each message, keeps it as a file, and ends without noise."""
    process, port = served
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("a@a.example", ["b@b.example"], b"Subject: x\r\n\r\ny\r\n")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert "b@b.example" in out
    assert "The sandbox has ended." in out
    assert err == ""
    assert process.returncode == 0
    assert len(list((workspace / "data" / "sandbox" / "new").iterdir())) == 1


def test_a_port_in_use_is_told(served, notifier):
    """A second sandbox on the same port is a sentence, not a traceback."""
    _process, port = served
    result = notifier("sandbox", "--port", str(port))
    assert result.code == 2
    assert str(port) in result.err
