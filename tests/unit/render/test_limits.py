from __future__ import annotations

import itertools
import threading
import time

import pytest

from notifier.errors import TemplateError
from notifier.render.limits import MAX_TURNS, SLICE, Budget, OutOfBoundsError

HOSTILE = [
    "{{ ''.__class__.__mro__ }}",
    "{{ row.__class__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__self__ }}",
    "{{ x.format(1) }}",
    "{{ '{:>999999999}'.format(1) }}",
    "{{ x.format_map({}) }}",
    "{{ '%999999999d' % 1 }}",
    "{{ row.update({}) }}",
    "{{ row.clear() }}",
    "{{ 'a' * 10**9 }}",
    "{{ [1] * 10**9 }}",
    "{{ 10 ** (10 ** 10) }}",
    "{{ 'a' | center(999999999) }}",
    "{{ 'a' | indent(999999999) }}",
    "{{ 'a'.ljust(999999999) }}",
    "{{ 'a'.zfill(999999999) }}",
    "{{ ('a' * 90000) | replace('a', 'b' * 90000) }}",
    "{{ ('a' * 90000).replace('a', 'b' * 90000) }}",
    "{{ range(10000) | map('string') | join('a' * 90000) }}",
    "{{ range(10**9) | list }}",
    "{% for i in range(10**9) %}{% endfor %}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% for i in range(9999) %}{{ 'a' * 90000 }}{% endfor %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% set n = namespace(s='aa') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "{% set n = namespace(s='aa') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}",
    (
        "{% set n = namespace(s='aa') %}{% for i in range(60) %}"
        "{% set n.s %}{{ n.s }}{{ n.s }}{% endset %}{% endfor %}"
    ),
    "{% set n = namespace(s=7) %}{% for i in range(60) %}{% set n.s = n.s * n.s %}{% endfor %}",
    "{{ lipsum(n=100000) }}",
    "{{ x | attr('__class__') }}",
    "{{ [1, 2, 3] | random }}",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_template_is_refused_in_time(fill, source):
    """Whatever a template tries, it ends soon, as a TemplateError, and nothing comes out."""
    began = time.process_time()
    with pytest.raises(TemplateError):
        fill(source, x="a", row={"a": 1})
    assert time.process_time() - began < 2


def test_the_time_guard_works_in_any_thread(press):
    """A worker thread is bounded like the main one, without signals."""
    source = (
        "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}"
    )
    page = press.compile_text(source, "x")
    caught = []

    def work():
        press.budget.begin()
        try:
            page.render(dict(press.text.globals))
        except TemplateError as exc:
            caught.append(exc.problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == ["limit"]


def test_each_message_has_the_whole_allowance():
    """`begin` starts anew; without it the turns add up."""
    budget = Budget(1.0, 100, clock=lambda: 0.0)
    budget.draw(150_000)
    budget.begin()
    budget.draw(150_000)
    with pytest.raises(OutOfBoundsError):
        budget.draw(150_000)


def test_the_clock_is_the_one_given():
    """Time is up when the given clock says so."""
    now = [0.0]
    budget = Budget(1.0, 100, clock=lambda: now[0], worked=lambda: now[0])
    budget.check_clock()
    now[0] = 0.6
    budget.check_clock()
    now[0] = 1.2
    with pytest.raises(OutOfBoundsError, match="1 seconds"):
        budget.check_clock()


def test_a_machine_that_slept_is_no_fault_of_the_templates():
    """Only time in which the message was really being made counts."""
    now, worked = [0.0], [0.0]
    budget = Budget(1.0, 100, clock=lambda: now[0], worked=lambda: worked[0])
    for _night in range(3):
        now[0] += 30_000.0
        worked[0] += 0.01
        budget.check_clock()
    now[0] += 0.6
    worked[0] += 0.6
    with pytest.raises(OutOfBoundsError, match="1 seconds"):
        budget.check_clock()


def test_long_output_is_gathered_whole(fill):
    """Slicing the output loses nothing, empty pieces included."""
    source = "{% for i in range(2000) %}{{ '' }}{{ i }},{% endfor %}"
    assert fill(source) == "".join(f"{number}," for number in range(2000))


def test_an_endless_output_ends_with_the_time():
    """Pieces without end, even empty ones, are looked at in slices, and the clock with them."""
    now = [0.0]
    taken = itertools.count()

    def pieces():
        while True:
            now[0] += 0.001
            next(taken)
            yield ""

    budget = Budget(1.0, 100, clock=lambda: now[0], worked=lambda: now[0])
    with pytest.raises(OutOfBoundsError, match="1 seconds"):
        budget.gather(pieces())
    assert next(taken) <= 1_000 + 2 * SLICE


def test_an_output_that_grows_ends_with_the_slice():
    """A template that yields large pieces holds one slice of them at most."""
    taken = itertools.count()

    def pieces():
        while True:
            next(taken)
            yield "a" * 1_000

    budget = Budget(1.0, 10_000, clock=lambda: 0.0)
    with pytest.raises(OutOfBoundsError, match="10000 characters"):
        budget.gather(pieces())
    assert next(taken) <= 2 * SLICE


@pytest.mark.parametrize("count", [1, 99, 100, 101, SLICE, SLICE + 1, 3 * SLICE])
def test_the_length_counts_wherever_the_slices_end(count):
    """As many characters as are allowed pass, one more doesn't."""
    budget = Budget(1.0, count, clock=lambda: 0.0)
    assert budget.gather(iter(["a"] * count)) == "a" * count
    with pytest.raises(OutOfBoundsError):
        budget.gather(iter(["a"] * (count + 1)))


@pytest.mark.parametrize("items", [[1] * 1_000, (1,) * 1_000, dict.fromkeys(range(1_000))])
def test_loops_over_what_is_there_draw_on_one_allowance(items):
    """Each counts at once with its length, and looks at the clock."""
    now = [0.0]
    budget = Budget(1.0, 100, clock=lambda: now[0], worked=lambda: now[0])
    for _loop in range(MAX_TURNS // 1_001):
        assert budget.bounded(items) is items
    with pytest.raises(OutOfBoundsError, match="turn more"):
        budget.bounded(items)
    budget.begin()
    now[0] = 0.6
    budget.bounded(items)
    now[0] = 1.2
    with pytest.raises(OutOfBoundsError, match="1 seconds"):
        budget.bounded(items)


def test_ordinary_arithmetic_is_not_hindered(fill):
    """Sums, averages and repeated signs work."""
    assert fill("{{ (8 + 7.5) / 2 }} {{ '-' * 10 }} {{ 2 ** 10 }} {{ 7 % 3 }} {{ [1] + [2] }}") == (
        "7,75 ---------- 1024 1 [1, 2]"
    )
