from __future__ import annotations

import email
import email.policy
import http.server
import json
import shutil
import threading
import time
from contextlib import contextmanager

import pytest

from notifier.delivery import events
from notifier.delivery.telling import tell_operator
from notifier.ledger.alerts import FIRST_WAIT
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import Recipient
from notifier.sandbox import Sandbox
from notifier.settings import SandboxRule, SandboxSettings, load_workspace

SECRET = "canary-4b2e"
START = 1_800_000_000.0


class Clock:
    """Unix seconds that move when told."""

    now = START

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A fresh ledger's file, to be copied."""
    path = tmp_path_factory.mktemp("blank") / "ledger.sqlite"
    Ledger.open(path, clock=Clock()).close()
    return path


@pytest.fixture
def clock():
    """The time."""
    return Clock()


@pytest.fixture
def ledger(blank, tmp_path, clock):
    """A ledger in which run 1 of two people waits for approval."""
    with Ledger.open(
        shutil.copy(blank, tmp_path / "ledger.sqlite"), clock=clock, actor="lan@office"
    ) as opened:
        run = opened.start_run(NewRun("grades", "2027-01-15", "Điểm", "main"))
        people = [Recipient(n, f"K{n}", f"p{n}@parents.example", "Người", {}) for n in (2, 3)]
        opened.enrol(run.id, people, ())
        opened.finish_enrolment(run.id, rows=2, asks=True)
        yield opened


@pytest.fixture
def mailbox(tmp_path):
    """A relay for alerts."""
    with Sandbox(SandboxSettings(), tmp_path / "mail", (), port=0) as server:
        yield server


class Hook:
    """A webhook that keeps what it is told, and answers as it is told."""

    def __init__(self):
        self.url = ""
        self.status, self.headers, self.delay = 204, {}, 0.0
        self.bodies, self.seen, self.paths = [], [], []


@contextmanager
def listening(hook):
    """Serve the hook on the loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.bodies.append(json.loads(body))
            hook.seen.append(dict(self.headers))
            hook.paths.append(self.path)
            time.sleep(hook.delay)
            self.send_response(hook.status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        hook.url = f"http://127.0.0.1:{server.server_port}"
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hook():
    """A webhook that listens."""
    with listening(Hook()) as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path, mailbox):
    """A workspace with these alerts, whose campaigns' relay is down."""

    def load(alerts, **environ):
        text = '[relays.main]\nhost = "127.0.0.1"\nport = 9\ntls = "none"\n'
        text += f'[relays.backup]\nhost = "127.0.0.1"\nport = {mailbox.port}\ntls = "none"\n'
        text += f"[alerts]\ntimeout = 5\n{alerts}\n"
        (tmp_path / "notifier.toml").write_text(text, encoding="utf-8")
        return load_workspace(tmp_path, environ=environ)

    return load


def _mails(mailbox):
    return [
        email.message_from_bytes(it.data, policy=email.policy.default) for it in mailbox.messages()
    ]


MAIL = 'mail = "it@school.example"\nrelay = "backup"'


def test_an_event_is_mailed_through_the_other_relay(ledger, workspace, mailbox):
    """Its first line is the subject; no absence note answers it; a second call tells nothing."""
    assert events.tell_awaiting(ledger, 1)
    assert not events.tell_awaiting(ledger, 1)
    told = tell_operator(ledger, workspace(MAIL))
    assert (told.done, told.left, dict(told.errors)) == (1, 0, {})
    (mail,) = _mails(mailbox)
    assert mail["To"] == "it@school.example"
    assert mail["From"] == "it@school.example"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Run 1 (grades@2027-01-15) waits for approval: 2 messages." in mail["Subject"]
    assert "lan@office" not in mail.get_content()  # nobody's name: `approve` tells it
    assert "notifier approve 1" in mail.get_content()
    assert "parents.example" not in mail.get_content()
    assert tell_operator(ledger, workspace(MAIL)).done == 0
    assert len(_mails(mailbox)) == 1


def test_many_events_are_one_mail(ledger, workspace, mailbox):
    """No storm: all that waits goes in one, with what each says."""
    for number in range(7):
        events.tell_schedule(ledger, "grades", f"2027-01-{number + 1:02}", "The sheet is missing.")
    tell_operator(ledger, workspace(MAIL))
    (mail,) = _mails(mailbox)
    assert "(and 6 more)" in mail["Subject"]
    assert mail.get_content().count("The sheet is missing.") == 7


def test_a_webhook_is_told_of_each_as_json(ledger, workspace, hook):
    """With its secret in a header, the run in figures, and nobody's address."""
    events.tell_awaiting(ledger, 1)
    settings = f'webhook = "{hook.url}/in"'
    told = tell_operator(ledger, workspace(settings, NOTIFIER_ALERTS__WEBHOOK_SECRET=SECRET))
    assert (told.done, dict(told.errors)) == (1, {})
    (body,) = hook.bodies
    assert body["kind"] == "approval"
    assert body["at"] == "2027-01-15T08:00:00+00:00"
    assert body["run"] == {
        "run": 1,
        "campaign": "grades",
        "occurrence": "2027-01-15",
        "state": "awaiting",
        "counts": {"pending": 2},
    }
    assert hook.seen[0]["Authorization"] == f"Bearer {SECRET}"
    assert "parents.example" not in json.dumps(body)


def test_a_way_that_fails_is_tried_again_and_the_other_is_not_told_twice(
    ledger, workspace, mailbox, hook, clock
):
    """What could not be told is kept, with the reason."""
    events.tell_awaiting(ledger, 1)
    hook.status = 503
    settings = workspace(f'{MAIL}\nwebhook = "{hook.url}"')
    told = tell_operator(ledger, settings)
    assert (told.done, told.left) == (0, 1)
    assert "503" in told.errors["webhook"]
    assert ledger.alerts.newest()[0].error == "webhook: it answered 503"
    hook.status = 200
    assert tell_operator(ledger, settings).left == 0  # not due yet
    clock.now += FIRST_WAIT
    assert tell_operator(ledger, settings).done == 1
    assert len(_mails(mailbox)) == 1
    assert ledger.alerts.newest()[0].sent_at is not None


def test_a_redirect_takes_the_secret_nowhere(ledger, workspace, hook):
    """Neither to another host nor to another scheme: it is an answer that is no 2yz."""
    events.tell_awaiting(ledger, 1)
    with listening(Hook()) as other:
        hook.status, hook.headers = 307, {"Location": f"{other.url}/stolen"}
        settings = workspace(f'webhook = "{hook.url}"', NOTIFIER_ALERTS__WEBHOOK_SECRET=SECRET)
        told = tell_operator(ledger, settings)
    assert "307" in told.errors["webhook"]
    assert other.seen == []


def test_a_webhook_that_does_not_answer_holds_nobody_up(ledger, workspace, hook):
    """It is left alone after `timeout`, and the event waits."""
    events.tell_awaiting(ledger, 1)
    hook.delay = 1.0
    settings = workspace(f'webhook = "{hook.url}"')
    hurried = settings.settings.alerts.model_copy(update={"timeout": 0.1})
    settings = type(settings)(
        settings.root, settings.settings.model_copy(update={"alerts": hurried})
    )
    began = time.monotonic()
    told = tell_operator(ledger, settings)
    assert time.monotonic() - began < 0.9
    assert told.left == 1


@pytest.mark.parametrize(
    "alerts",
    [
        'mail = "it@school.example"\nrelay = "main"',
        'webhook = "http://127.0.0.1:9/"',
        'webhook = "http://127.0.0.1:9/"\nwebhook_secret_file = "not-there"',
    ],
)
def test_nothing_that_fails_gets_out(ledger, workspace, alerts):
    """A relay or webhook that is down, a secret that can't be read: kept, with a reason."""
    events.tell_awaiting(ledger, 1)
    told = tell_operator(ledger, workspace(alerts))
    assert told.left == 1
    assert ledger.alerts.newest()[0].error


def test_a_relay_that_refuses_the_operator_is_told(ledger, workspace, tmp_path):
    """The reply is the reason."""
    rule = SandboxRule(match="it@*", action="refuse", reply="550 5.1.1 No such user here")
    events.tell_awaiting(ledger, 1)
    with Sandbox(SandboxSettings(), tmp_path / "mail2", (rule,), port=0) as server:
        told = tell_operator(
            ledger, workspace(MAIL, NOTIFIER_RELAYS__BACKUP__PORT=str(server.port))
        )
    assert "No such user" in told.errors["mail"]


def test_without_a_table_nothing_is_told_and_all_is_kept(ledger, workspace):
    """`alerts list` has it all the same."""
    events.tell_awaiting(ledger, 1)
    assert tell_operator(ledger, workspace("")).left == 0
    assert ledger.alerts.newest()[0].tries == 0


def test_a_ledger_that_is_closed_breaks_nothing(ledger, workspace):
    """Whatever it is that fails, no run suffers by it."""
    settings = workspace(MAIL)
    ledger.close()
    assert tell_operator(ledger, settings).errors
