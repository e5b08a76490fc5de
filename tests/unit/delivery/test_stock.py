from __future__ import annotations

import pytest

from notifier.delivery import stock as stocks
from notifier.delivery.making import Made, Unmade, make
from notifier.delivery.stock import Stock
from notifier.delivery.workshop import Lost
from notifier.errors import MessageError
from notifier.ledger.ledger import Claimed
from notifier.model import Message
from notifier.smtp.parcel import Parcel


def claimed(number):
    """A delivery of that number."""
    address = f"p{number}@parents.example"
    return Claimed(
        number, f"t{number}", f"K{number}", address, "An", 5, "[{},{},[]]", 0, None, None
    )


def assemble(recipient, *, token, at):
    """A small message; `K13` can't be made, `K99` breaks in a way that nobody foresaw."""
    if recipient.key == "K13":
        raise MessageError("unlucky")
    if recipient.key == "K99":
        raise ZeroDivisionError("foreign")
    return Message("office@school.example", recipient.address, f"{token} {at}\r\n".encode())


class Keeper:
    """Writes down what the stock tells."""

    def __init__(self):
        self.reasons, self.stirred = {}, 0

    def made(self, claimed, at, made):
        """The message, under its number."""
        assert at == 1000.0
        return Parcel(claimed.id, made.message)

    def unmade(self, claimed, reason):
        """The reason, under its number."""
        self.reasons[claimed.id] = reason

    def stir(self):
        """Count it."""
        self.stirred += 1


class Workshop:
    """Workers that do as the test says."""

    def __init__(self):
        self.is_ready = self.is_open = True
        self.is_full = False
        self.batches = []

    def order(self, orders, done):
        """Keep it until the test answers."""
        self.batches.append((orders, done))

    def answer(self, lost=None):
        """Make the oldest batch, or lose it."""
        orders, done = self.batches.pop(0)
        done(lost or [made(order) for order in orders])


def made(order):
    """What a worker makes of it."""
    return None if order.key == "K99" else make(assemble, order)


@pytest.fixture
def keeper():
    """Whom the stock tells."""
    return Keeper()


@pytest.fixture
def workshop():
    """Ready workers."""
    return Workshop()


def stock_of(keeper, workshop, *numbers):
    """A stock with these deliveries claimed."""
    stock = Stock(keeper, assemble, lambda: 1000.7, workshop)
    stock.claimed.extend(map(claimed, numbers))
    return stock


def ready(stock):
    """The numbers of what is ready."""
    return [parcel.id for parcel in stock.ready]


def test_without_workers_a_few_messages_are_made_at_a_time(keeper):
    """The loop gets its turn in between."""
    stock = stock_of(keeper, None, *range(1, 20))
    assert stock.make_some()
    assert ready(stock) == list(range(1, stocks.SLICE + 1))
    assert stock.has_claims
    assert not stock.is_empty


def test_workers_get_batches_and_their_messages_are_ready_in_order(keeper, workshop):
    """Nothing is made here meanwhile."""
    stock = stock_of(keeper, workshop, *range(101, stocks.BATCH + 102))
    assert stock.make_some()
    assert stock.make_some()
    assert [len(orders) for orders, _done in workshop.batches] == [stocks.BATCH, 1]
    assert not stock.ready
    assert not stock.is_empty
    workshop.answer()
    workshop.answer()
    assert ready(stock) == list(range(101, stocks.BATCH + 102))
    assert keeper.stirred == 2


def test_busy_workers_are_waited_for(keeper, workshop):
    """What they have is bounded, and this process keeps its time for the wire."""
    stock = stock_of(keeper, workshop, 1, 2)
    stock.put_back(Parcel(3, make(assemble, stocks._order_of(claimed(3), 1000.0)).message))
    workshop.is_full = True
    assert not stock.make_some()
    assert stock.has_claims
    assert ready(stock) == [3]
    assert not stock.is_low


def test_busy_workers_are_lent_a_hand_where_nothing_is_ready(keeper, workshop):
    """Connections wait: this process has the time."""
    stock = stock_of(keeper, workshop, *range(1, 9))
    workshop.is_full = True
    assert stock.is_low
    assert stock.make_some()
    assert len(stock.ready) == stocks.HAND
    assert not stock.make_some()


def test_until_workers_are_ready_messages_are_made_here(keeper, workshop):
    """A run begins at once."""
    workshop.is_ready = False
    stock = stock_of(keeper, workshop, 1, 2)
    assert stock.make_some()
    assert ready(stock) == [1, 2]


def test_large_messages_are_made_here(keeper, workshop, monkeypatch):
    """They cost more to hand over than to make."""
    monkeypatch.setattr(stocks, "LARGE", 5)
    stock = stock_of(keeper, workshop, 1, 2, 3)
    workshop.is_ready = False
    stock.make_some()
    workshop.is_ready = True
    stock.claimed.append(claimed(4))
    assert stock.make_some()
    assert ready(stock) == [1, 2, 3, 4]


def test_a_message_that_cant_be_made_is_told_and_the_others_are_ready(keeper, workshop):
    """Its reason came with the batch."""
    stock = stock_of(keeper, workshop, 12, 13, 14)
    stock.make_some()
    workshop.answer()
    assert ready(stock) == [12, 14]
    assert keeper.reasons == {13: "unlucky"}


def test_what_breaks_in_a_worker_is_seen_here(keeper, workshop):
    """The run ends with that very error."""
    stock = stock_of(keeper, workshop, 98, 99)
    stock.make_some()
    workshop.answer()
    assert stock.has_claims
    with pytest.raises(ZeroDivisionError):
        stock.make_some()


def test_a_lost_batch_is_made_again_one_by_one(keeper, workshop):
    """Nothing is lost, and nobody is accused yet."""
    stock = stock_of(keeper, workshop, 1, 2)
    stock.make_some()
    workshop.answer(Lost.BEGUN)
    assert stock.has_claims
    stock.make_some()
    stock.make_some()
    assert [[order.id for order in orders] for orders, _done in workshop.batches] == [[1], [2]]
    workshop.answer()
    workshop.answer()
    assert ready(stock) == [1, 2]


def test_a_message_that_takes_a_second_worker_with_it_is_refused(keeper, workshop):
    """The others of its batch go out."""
    stock = stock_of(keeper, workshop, 1, 2)
    stock.make_some()
    workshop.answer(Lost.BEGUN)
    stock.make_some()
    workshop.answer(Lost.BEGUN)
    assert list(keeper.reasons) == [1]
    stock.make_some()
    workshop.answer()
    assert ready(stock) == [2]


def test_what_only_waited_for_a_lost_worker_is_accused_of_nothing(keeper, workshop):
    """Neither a batch nor a message alone: it is made as if it had never been ordered."""
    stock = stock_of(keeper, workshop, 1, 2)
    stock.make_some()
    workshop.answer(Lost.WAITING)
    stock.make_some()
    assert [len(orders) for orders, _done in workshop.batches] == [2]
    workshop.answer(Lost.BEGUN)
    stock.make_some()
    stock.make_some()
    workshop.answer(Lost.BEGUN)
    workshop.answer(Lost.WAITING)
    assert list(keeper.reasons) == [1]
    stock.make_some()
    workshop.answer()
    assert ready(stock) == [2]


def test_large_messages_of_a_lost_batch_are_made_by_a_worker_all_the_same(
    keeper, workshop, monkeypatch
):
    """Nobody waits for another worker while there is one."""
    monkeypatch.setattr(stocks, "LARGE", 5)
    stock = stock_of(keeper, workshop, 1, 2)
    stock.make_some()
    stock.claimed.append(claimed(3))
    workshop.is_ready = False
    stock.make_some()
    workshop.answer(Lost.BEGUN)
    workshop.is_ready = True
    stock.make_some()
    stock.make_some()
    assert [[order.id for order in orders] for orders, _done in workshop.batches] == [[1], [2]]


def test_what_a_worker_leaves_to_this_process_is_made_here_a_few_at_a_time(
    keeper, workshop, monkeypatch
):
    """Large messages, that is: no more of them than there is room for."""
    monkeypatch.setattr(stocks, "STOCK_BYTES", 30)
    stock = stock_of(keeper, workshop, *range(1, 9))
    stock.make_some()
    orders, done = workshop.batches.pop()
    done([None] * len(orders))
    assert not stock.ready
    assert stock.make_some()
    assert 0 < len(stock.ready) < 8
    assert stock.has_claims


def test_a_lost_batch_waits_for_the_next_worker_while_others_are_made_here(keeper, workshop):
    """A message that may take a process with it is not made in this one."""
    stock = stock_of(keeper, workshop, 1)
    stock.make_some()
    workshop.is_ready = False
    workshop.answer(Lost.BEGUN)
    assert not stock.make_some()
    stock.claimed.append(claimed(2))
    assert stock.make_some()
    assert ready(stock) == [2]


def test_where_no_worker_comes_any_more_a_lost_batch_is_made_here(keeper, workshop):
    """The run doesn't stay for ever."""
    stock = stock_of(keeper, workshop, 1)
    stock.make_some()
    workshop.is_ready = workshop.is_open = False
    workshop.answer(Lost.BEGUN)
    assert stock.make_some()
    assert ready(stock) == [1]


def test_what_was_let_go_doesnt_come_back_with_its_batch(keeper, workshop):
    """The deliveries are somebody else's by then."""
    stock = stock_of(keeper, workshop, 1, 2)
    stock.make_some()
    assert stock.clear() == []
    assert stock.is_empty
    workshop.answer()
    assert not stock.ready
    assert stock.has_room
    assert keeper.stirred  # the worker has room, for whoever waited for that


def test_a_stock_is_bounded_in_messages_and_in_bytes(keeper, workshop, monkeypatch):
    """Those on order count with the average of the others."""
    monkeypatch.setattr(stocks, "STOCK", 4)
    stock = stock_of(keeper, None, 1, 2, 3)
    stock.make_some()
    assert stock.has_room
    stock.claimed.append(claimed(4))
    stock.make_some()
    assert not stock.has_room
    monkeypatch.setattr(stocks, "STOCK", 400)
    assert stock.has_room
    monkeypatch.setattr(stocks, "STOCK_BYTES", 30)
    assert not stock.has_room
    for _number in range(4):
        stock.put_back(stock.draw(0.0))
        stock.draw(0.0)
    assert stock.has_room


def test_a_product_is_a_message_with_its_digest_or_a_reason(keeper):
    """The same here and in a worker."""
    order = stock_of(keeper, None, 7).claimed[0]
    product = make(assemble, stocks._order_of(order, 1000.0))
    assert isinstance(product, Made)
    assert len(product.digest) == 64
    assert isinstance(make(assemble, stocks._order_of(claimed(13), 1000.0)), Unmade)
