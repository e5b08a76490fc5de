# ruff: noqa: PLR0917 - what a test asks for are its fixtures
from __future__ import annotations

import http.server
import json
import logging
import threading
import traceback
from urllib.parse import parse_qs

import pytest

from notifier.errors import AuthenticationError, RelayUnreachable
from notifier.settings import RelaySettings
from notifier.smtp import token_server
from notifier.smtp.transcript import check

CANARY = "canary-cl13nt-secret"
USER = "office@school.example"


class TokenServer:
    """A token endpoint on loopback: gives out `canary-token-1`, `-2`, ... to who knows the secret.

    `answers`: what the next requests get instead, (status, object or bytes).
    """

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.forms.append({key: found[0] for key, found in parse_qs(form).items()})
                outer.reply(self)

            def log_message(self, *args):
                pass

        self.forms = []
        self.answers = []
        self.seconds = 3600
        self.made = 0
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"

    def reply(self, request):
        if self.answers:
            status, told = self.answers.pop(0)
        elif self.forms[-1].get("client_secret") != CANARY:
            status, told = 401, {"error": "invalid_client", "error_description": "AADSTS7000215"}
        else:
            self.made += 1
            token = f"canary-token-{self.made}"
            status, told = 200, {"access_token": token, "expires_in": self.seconds}
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        if status == 302:
            request.send_header("Location", self.url)
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def tokens():
    """A token endpoint that is up."""
    found = TokenServer()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture(params=["XOAUTH2", "OAUTHBEARER"])
def bearer(request, relay, sasl_server, server_context):
    """A relay behind TLS that takes the first hundred tokens, by this mechanism alone."""
    relay.context = server_context("localhost")
    relay.capabilities = ("PIPELINING", "STARTTLS", f"AUTH PLAIN {request.param}")
    relay.sasl = sasl_server.BearerSide(
        {f"canary-token-{number}" for number in range(100)}, username=USER
    )
    return relay.sasl


@pytest.fixture
def options(tokens, ca_file):
    """Settings for it."""
    oauth = {"provider": "microsoft365", "client_id": "the-app", "tenant": "school.example"}

    def make(**more):
        table = {**oauth, "token_url": tokens.url, "client_secret": CANARY, **more}
        table = {key: value for key, value in table.items() if value is not None}
        return {
            "host": "localhost",
            "ca_file": ca_file,
            "tls": "starttls",
            "username": USER,
            "oauth": table,
        }

    return make


def checked(bench, settings):
    """The transcript of a trial session."""

    async def main():
        async with bench.relay:
            return await check(bench.settings(**settings))

    return bench.run(main())


def shown(error):
    """Everything of an error that anybody may see."""
    trace = "".join(traceback.format_exception(error))
    return f"{trace} {error!r} {error.__dict__} {error.as_dict()}"


def test_all_connections_share_one_token(bench, relay, make_ledger, tokens, bearer, options):
    """Fetched once, used by each; nothing is blocked and nothing is told."""
    ledger = make_ledger(40)
    assert bench.deliver(ledger, max_connections=4, **options()) is None
    assert len(ledger.accepted) == 40
    assert tokens.made == 1
    assert {token for _name, token in bearer.seen} == {"canary-token-1"}
    assert tokens.forms[0]["scope"] == "https://outlook.office365.com/.default"


def test_a_long_token_travels_on_its_own(bench, relay, tokens, bearer, options):
    """A command line has 512 bytes, and Microsoft's tokens have thousands (RFC 4954 section 4)."""
    token = "t" * 3000
    bearer.good.add(token)
    tokens.answers.append((200, {"access_token": token}))
    found = checked(bench, options())
    assert found.error is None
    said = next(line for line in relay.lines() if line.startswith("AUTH"))
    assert said == f"AUTH {found.mechanism}"


def test_a_withdrawn_token_is_replaced(bench, relay, make_ledger, tokens, bearer, options):
    """A kept token is refused: a new one is fetched, once, and the run goes on."""
    bearer.good = {"canary-token-2"}

    async def beside(pool, ledger):
        keeper = pool._dialler._tokens

        async def keep(token):
            return token

        await keeper.spend(keep)
        await pool.run(ledger)

    ledger = make_ledger(3)
    assert bench.deliver(ledger, beside=beside, **options()) is None
    assert ledger.accepted == {1, 2, 3}
    assert [token for _name, token in bearer.seen] == ["canary-token-1", "canary-token-2"]


def test_a_new_token_that_the_relay_refuses(bench, relay, make_ledger, tokens, bearer, options):
    """The relay's reason in words, that it was new, and what the administrator has to do."""
    bearer.good = set()
    ledger = make_ledger(1)
    error = bench.deliver(ledger, connect_attempts=3, **options())
    assert isinstance(error, AuthenticationError)
    assert "not valid, or not for this mailbox" in error.message
    assert "just now" in error.message
    assert "New-ServicePrincipal" in error.next_step
    assert error.reply.code == 535
    assert (tokens.made, len(bearer.seen), ledger.taken) == (1, 1, [])
    assert "canary" not in shown(error)


def test_a_wrong_client_secret(bench, relay, make_ledger, tokens, bearer, options):
    """Told by the token server before the relay is even asked."""
    settings = options(client_secret="canary-wrong")
    error = bench.deliver(make_ledger(1), connect_attempts=3, **settings)
    assert isinstance(error, AuthenticationError)
    assert "client secret" in error.next_step
    assert relay.connections == 0
    assert len(tokens.forms) == 1
    assert "canary" not in shown(error)


def test_a_token_server_that_is_busy_is_tried_again(
    bench, relay, make_ledger, tokens, bearer, options
):
    """503 is trouble, not a refusal: the pool waits as for a relay that is down."""
    tokens.answers.append((503, b"later"))
    ledger = make_ledger(2)
    assert bench.deliver(ledger, connect_attempts=3, **options()) is None
    assert ledger.accepted == {1, 2}
    assert bench.events[0] == "retry"


def test_a_token_server_that_is_not_there(bench, relay, make_ledger, bearer, options):
    """Nothing listens: told with the system's words, and no parcel is taken."""
    ledger = make_ledger(1)
    error = bench.deliver(ledger, **options(token_url="http://127.0.0.1:1/token"))
    assert isinstance(error, RelayUnreachable)
    assert "Connection refused" in error.message
    assert ledger.taken == []


def test_a_redirect_takes_no_secret_elsewhere(bench, relay, make_ledger, tokens, bearer, options):
    """The form goes to the address in the settings alone."""
    tokens.answers.append((302, b""))
    error = bench.deliver(make_ledger(1), **options())
    assert isinstance(error, AuthenticationError)
    assert len(tokens.forms) == 1


def test_no_token_goes_over_an_open_link(bench, relay, make_ledger, tokens, bearer, options):
    """As a password doesn't."""
    error = bench.deliver(make_ledger(1), **{**options(), "tls": "none"})
    assert isinstance(error, AuthenticationError)
    assert not any("AUTH" in line for line in relay.lines())


def test_no_secret_is_in_a_transcript_or_a_log(bench, relay, tokens, bearer, options, caplog):
    """Client secret, refresh token, access token, each in clear and in Base64."""
    tokens.answers.append((200, {"access_token": "canary-token-0", "refresh_token": "canary-r2"}))
    with caplog.at_level(logging.DEBUG):
        found = checked(bench, options(refresh_token="canary-r1"))
    assert found.error is None
    assert any(line.endswith(f"AUTH {found.mechanism} ***") for line in found.lines)
    text = f"{found!r} {caplog.text} {bench.settings(**options(refresh_token='canary-r1'))!r}"
    assert "canary" not in text
    assert "Y2FuYXJ5" not in text


def test_a_server_that_stops_in_the_middle(tokens):
    """An answer that ends too early is no answer."""

    def reply(request):
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()

    tokens.reply = reply
    with pytest.raises(token_server.UnreachableError):
        token_server.post(tokens.url, "a=b", 5.0)


def test_settings_have_the_key_as_a_user_writes_it():
    """The table of the documentation is the table of the tests."""
    relay = RelaySettings(
        host="smtp.office365.com",
        username=USER,
        oauth={"provider": "microsoft365", "tenant": "school.example", "client_id": "a"},
    )
    assert relay.oauth.provider == "microsoft365"
