"""Real worker processes, which compile a real campaign."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from notifier.campaign import load_campaign
from notifier.delivery import workbench, workshop
from notifier.delivery.engine import Job, Route, deliver
from notifier.delivery.making import Made, Order, Recipe, Unmade, make
from notifier.delivery.workshop import Lost, Workshop, count_workers, open_workshop
from notifier.ledger.ledger import Ledger, NewRun
from notifier.model import Rate, Recipient, State
from notifier.render.dkim_key import generate_pem, write_pem
from notifier.settings import DkimSettings, LimitSettings, RelaySettings, RetrySettings

#: Longer than any test takes.
LIMIT = 60.0
CAMPAIGN = """\
title: Kết quả học tập
from: "Trường THPT Nguyễn Du <daotao@nguyendu.example>"
recipients: {file: data/list.csv, email: Email}
template: marks
"""


@pytest.fixture
def recipe(tmp_path):
    """A campaign whose messages show a mark; `x` can't be divided by."""
    files = {
        "campaigns/marks.yaml": CAMPAIGN,
        "templates/marks/subject.txt": "Điểm của {{ name }}",
        "templates/marks/body.txt": "Toán: {{ row['Toán'] }} {{ 1 // row['Toán'] }}",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    campaign = load_campaign(tmp_path, "marks")
    return Recipe(campaign, tmp_path, "vi", "Asia/Ho_Chi_Minh", LimitSettings())


def order(number, mark=9):
    """An order for one pupil."""
    context = f'[{{"Toán":{mark}}},{{}},[]]'
    return Order(number, f"t{number}", "K1", "p@parents.example", "An", 5, context, 1.8e9)


class Shop:
    """A workshop in a running loop, whose batches can be awaited."""

    def __init__(self, recipe, digest=None, others=()):
        self.digest = digest or recipe.compile().digest
        self.workshop = Workshop(recipe, self.digest, [(it, it.compile().digest) for it in others])
        self.changed = asyncio.Event()
        self.workshop.on_change = self.changed.set

    async def __aenter__(self):
        self.workshop.start(1)
        await self.workshop.attach()
        return self

    async def __aexit__(self, *exc):
        self.workshop.close()
        await asyncio.sleep(0)

    async def is_ready(self):
        """Until a worker is ready."""
        while not self.workshop.is_ready:
            await self.changed.wait()
            self.changed.clear()

    def make(self, *orders, bench=None):
        """What becomes of a batch."""
        future = asyncio.get_running_loop().create_future()
        (bench or self.workshop).order(orders, future.set_result)
        return future


def run(scene):
    """Run it, for not too long."""

    async def limited():
        async with asyncio.timeout(LIMIT):
            await scene

    asyncio.run(limited())


def test_a_worker_makes_the_very_same_messages(recipe):
    """Bytes, envelope and digest; a row that can't be made comes with the same reason."""
    compiled = recipe.compile()
    orders = [order(1), order(2, mark=7), order(3, mark=0)]

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            products = await shop.make(*orders)
            assert products == [make(compiled.assemble, it) for it in orders]
            assert [type(it) for it in products] == [Made, Made, Unmade]

    run(scene())


def test_a_worker_signs_with_the_key_in_the_file(recipe, tmp_path):
    """The recipe names the key's file and holds no key; the worker's signature is the same."""
    path = tmp_path / "key.pem"
    write_pem(path, generate_pem("rsa"))
    key = DkimSettings(domain="nguyendu.example", selector="a", key_file=path)
    signed = replace(recipe, dkim=(key,))
    compiled = signed.compile()
    assert compiled.digest != recipe.compile().digest
    assert path.read_bytes().splitlines()[1] not in workbench.pack(signed)

    async def scene():
        async with Shop(signed) as shop:
            await shop.is_ready()
            (made,) = await shop.make(order(1))
            assert made == make(compiled.assemble, order(1))
            assert made.message.data.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")

    run(scene())


@pytest.fixture
def signed(recipe, tmp_path):
    """The same messages, signed."""
    path = tmp_path / "key.pem"
    write_pem(path, generate_pem("rsa"))
    return replace(
        recipe, dkim=(DkimSettings(domain="nguyendu.example", selector="a", key_file=path),)
    )


def test_a_worker_makes_messages_for_each_relays_signing(recipe, signed):
    """An order says from which recipe; one that it doesn't know is nobody's."""

    async def scene():
        async with Shop(recipe, others=[signed]) as shop:
            await shop.is_ready()
            benches = [shop.workshop.bench(it) for it in (recipe, signed)]
            batches = [shop.make(order(n), order(n + 2), bench=benches[n]) for n in (0, 1)]
            found = [[it.message.data for it in await batch] for batch in batches]
            compiled = recipe.compile(), signed.compile()
            for number, made in enumerate(found):
                assert made == [
                    make(compiled[number].assemble, order(number + more)).message.data
                    for more in (0, 2)
                ]
            assert [made[0].startswith(b"DKIM-Signature") for made in found] == [False, True]
            assert shop.workshop.bench(replace(recipe, locale="en")) is None

    run(scene())


def test_one_recipe_that_changed_is_one_too_many(recipe, signed, tmp_path):
    """A worker whose key is another one would sign what the run did not begin with."""
    shop = Shop(recipe, others=[signed])
    write_pem(tmp_path / "new.pem", generate_pem("rsa"))
    (tmp_path / "new.pem").replace(tmp_path / "key.pem")

    async def scene():
        async with shop:
            while shop.workshop.is_open:
                await shop.changed.wait()
                shop.changed.clear()
                assert not shop.workshop.is_ready

    run(scene())


def test_a_run_through_relays_that_sign_differently_is_made_by_workers_for_both(
    recipe, signed, tmp_path, relay_script
):
    """Each relay gets what it wants, and no message is made in the process that sends."""
    plain, signing = relay_script.ScriptedRelay(), relay_script.ScriptedRelay()
    compiled = recipe.compile()
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        begun = ledger.start_run(NewRun("marks", "1", "Marks", "main"))
        people = [
            Recipient(n + 2, f"K{n}", f"p{n}@parents.example", "An", {"Toán": 9})
            for n in range(120)
        ]
        ledger.enrol(begun.id, people, [])
        ledger.finish_enrolment(begun.id, rows=120)
        shop = Shop(recipe, others=[signed])

        async def scene():
            async with plain, signing, shop:
                await shop.is_ready()
                first, second = (
                    RelaySettings(name=name, host="127.0.0.1", port=it.port, tls="none")
                    for name, it in (("plain", plain), ("signing", signing))
                )
                routes = (Route(first), Route(second, recipe=signed))
                job = Job(ledger.get_run(begun.id), compiled, first, RetrySettings())
                job = replace(job, recipe=recipe, workshop=shop.workshop, routes=routes)
                assert job.recipes == [recipe, signed]
                await deliver(job, ledger)

        run(scene())
        assert ledger.counts(begun.id) == {State.ACCEPTED: 120}
    for relay, is_signed in ((plain, False), (signing, True)):
        assert relay.delivered
        for _sender, _address, data in relay.delivered:
            assert data.startswith(b"DKIM-Signature") == is_signed
    assert len(plain.delivered) + len(signing.delivered) == 120


def test_a_worker_that_dies_gives_its_batch_back_and_another_takes_its_place(recipe):
    """A crash costs the batch's retry and nothing else."""

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            await shop.make(order(1))
            (pid,) = shop.workshop.processes
            os.kill(pid, signal.SIGSTOP)
            lost = shop.make(order(2))
            os.kill(pid, signal.SIGKILL)
            assert await lost is Lost.BEGUN
            await shop.is_ready()
            assert shop.workshop.processes != (pid,)
            (product,) = await shop.make(order(2))
            assert isinstance(product, Made)

    run(scene())


def test_only_what_a_worker_was_at_is_suspected(recipe):
    """What waited behind it had no part in its end."""

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            (pid,) = shop.workshop.processes
            os.kill(pid, signal.SIGSTOP)
            lost = [shop.make(order(1)), shop.make(order(2))]
            os.kill(pid, signal.SIGKILL)
            assert await asyncio.gather(*lost) == [Lost.BEGUN, Lost.WAITING]

    run(scene())


def test_workers_that_die_before_they_made_anything_are_replaced_a_few_times(recipe):
    """Then whatever ends them is met in this process, where it can be told."""

    async def scene():
        async with Shop(recipe) as shop:
            for _time in range(workshop.BARREN):
                await shop.is_ready()
                shop.changed.clear()
                os.kill(shop.workshop.processes[0], signal.SIGKILL)
                await shop.changed.wait()
            assert not shop.workshop.is_open

    run(scene())


def test_a_closed_workshop_tells_nobody_of_what_it_had(recipe):
    """Nothing is written down as lost that is only put down."""

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            os.kill(shop.workshop.processes[0], signal.SIGSTOP)
            left = shop.make(order(1))
            shop.workshop.close()
            for _turn in range(20):
                await asyncio.sleep(0)
            assert not left.done()

    run(scene())


def test_where_no_descriptor_is_left_a_lost_batch_is_given_back(recipe, monkeypatch):
    """There is one worker less, and nobody waits for ever."""

    def refuse():
        raise OSError(24, "Too many open files")

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            (pid,) = shop.workshop.processes
            os.kill(pid, signal.SIGSTOP)
            lost = shop.make(order(1))
            monkeypatch.setattr(socket, "socketpair", refuse)
            os.kill(pid, signal.SIGKILL)
            assert await lost is Lost.BEGUN
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not shop.workshop.is_open

    run(scene())


def environment_of(pid):
    """What the system shows of it; nothing where it doesn't."""
    path = Path(f"/proc/{pid}/environ")
    return path.read_bytes() if path.exists() else b""


def test_a_worker_has_no_secret_and_runs_nothing_of_the_working_folder(
    recipe, tmp_path, monkeypatch
):
    """Its environment holds none of our settings; a module that lies about isn't found."""
    monkeypatch.setenv("NOTIFIER_RELAYS__MAIN__PASSWORD", "c4nary")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calendar.py").write_text("raise SystemExit")

    async def scene():
        async with Shop(recipe) as shop:
            await shop.is_ready()
            (pid,) = shop.workshop.processes
            assert b"c4nary" not in environment_of(pid)
            assert isinstance((await shop.make(order(1)))[0], Made)

    run(scene())


def test_large_messages_are_left_to_the_process_that_sends_them(recipe, monkeypatch):
    """A batch of them would fill the memory on its way."""
    monkeypatch.setattr(workbench, "LARGE", 10)
    compiled = recipe.compile()
    assert workbench._make_all(compiled.assemble, [tuple(order(1))]) == [None]


def test_a_worker_that_hangs_is_ended(recipe, monkeypatch):
    """Its batch is given back when its time is over."""
    monkeypatch.setattr(workshop, "GRACE", 0.05)

    async def scene():
        async with Shop(replace(recipe, limits=LimitSettings(render_seconds=0.01))) as shop:
            await shop.is_ready()
            (pid,) = shop.workshop.processes
            os.kill(pid, signal.SIGSTOP)
            assert await shop.make(order(1)) is Lost.BEGUN

    run(scene())


def test_a_worker_that_never_made_anything_isnt_replaced(recipe):
    """Whatever keeps it from starting would keep the next one, too."""

    async def scene():
        async with Shop(recipe) as shop:
            os.kill(shop.workshop.processes[0], signal.SIGKILL)
            await shop.changed.wait()
            assert not shop.workshop.is_open

    run(scene())


def test_a_worker_that_compiles_something_else_gets_no_orders(recipe):
    """The template was changed meanwhile: the run goes on with what it began with."""

    async def scene():
        async with Shop(recipe, digest="5d" * 32) as shop:
            while shop.workshop.is_open:
                await shop.changed.wait()
                shop.changed.clear()
                assert not shop.workshop.is_ready

    run(scene())


def test_workers_end_with_the_workshop_also_without_a_loop(recipe):
    """Nothing is left behind when a run never begins."""
    shop = Workshop(recipe, "")
    shop.start(2)
    started = [worker._process for worker in shop._started]
    shop.close()
    shop.close()
    assert all(process.returncode is not None for process in started)


def test_a_worker_ends_when_its_line_is_closed(recipe):
    """However the process at the other end came to its end."""
    ours, theirs = socket.socketpair()
    with theirs:
        thread = threading.Thread(target=workbench.work, args=(theirs,))
        thread.start()
        ours.sendall(workbench.pack(("en", (recipe,))))
        assert ours.recv(10)
        ours.close()
        thread.join(LIMIT)
    assert not thread.is_alive()


def test_what_nobody_foresaw_comes_back_as_nothing():
    """It is met again, and told, in the process that ordered it."""

    def assemble(_recipient, *, token, at):
        raise ZeroDivisionError(token, at)

    assert workbench._make_all(assemble, [tuple(order(1))]) == [None]
    assert workbench.unflatten(None) is None


@pytest.mark.parametrize(
    ("messages", "cores", "allowed", "workers"),
    [
        (100_000, 2, None, 1),
        (100_000, 64, None, workshop.MOST),
        (100_000, 1, None, 0),
        (workshop.WORTHWHILE - 1, 8, None, 0),
        (100_000, 8, 0, 0),
        (10, 1, 2, 2),
    ],
)
def test_a_small_run_and_a_single_core_have_no_workers(messages, cores, allowed, workers):
    """Unless the settings say so."""
    assert count_workers(messages, cores=cores, allowed=allowed) == workers


@pytest.mark.parametrize(
    ("messages", "cores", "allowed", "workers"),
    [
        (100_000, 2, None, 2),
        (100_000, 64, None, workshop.MOST_SIGNED),
        (100_000, 1, None, 0),
        (workshop.WORTHWHILE_SIGNED, 2, None, 2),
        (workshop.WORTHWHILE_SIGNED - 1, 2, None, 0),
        (1, 2, 3, 3),
        (100_000, 8, 0, 0),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="workers inherit a socket pair")
def test_signed_messages_are_made_on_every_core(messages, cores, allowed, workers):
    """Signing takes nearly all the time there is, and sooner is worth a worker's start."""
    found = count_workers(messages, cores=cores, allowed=allowed, is_signed=True)
    assert found == workers


def test_a_run_that_its_limits_slow_down_has_no_workers(recipe):
    """There is time enough to make each message in between."""
    rates = [Rate(20, 1.0)]
    assert open_workshop(recipe, "", unsent=100_000, rates=rates, allowed=4) is None
    assert open_workshop(recipe, "", unsent=100_000, allowed=0) is None


def test_a_run_whose_workers_die_again_and_again_sends_each_message_once(
    recipe, tmp_path, relay_script
):
    """Through the whole engine: nothing is lost, nothing is doubled, nobody is refused."""
    relay, killed = relay_script.ScriptedRelay(), set()
    compiled = recipe.compile()

    def kill(verb, number, line):
        if verb == "BODY" and len(relay.delivered) in {20, 300}:
            for pid in shop.workshop.processes:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        return good(verb, number, line)

    good, relay._rule = relay._rule, kill
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        begun = ledger.start_run(NewRun("marks", "1", "Marks", "main"))
        people = [
            Recipient(n + 2, f"K{n}", f"p{n}@parents.example", "An", {"Toán": 9})
            for n in range(600)
        ]
        ledger.enrol(begun.id, people, [])
        ledger.finish_enrolment(begun.id, rows=600)

        shop = Shop(recipe)

        async def scene():
            async with relay, shop:
                await shop.is_ready()
                settings = RelaySettings(name="main", host="127.0.0.1", port=relay.port, tls="none")
                job = Job(ledger.get_run(begun.id), compiled, settings, RetrySettings())
                await deliver(replace(job, recipe=recipe, workshop=shop.workshop), ledger)

        run(scene())
        assert ledger.counts(begun.id) == {State.ACCEPTED: 600}
    assert killed
    assert Counter(address for _sender, address, _data in relay.delivered) == Counter(
        person.address for person in people
    )
