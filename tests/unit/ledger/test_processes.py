from __future__ import annotations

import os
import subprocess
import sys

import pytest

from notifier.ledger import processes


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_process_is_told_from_a_later_one_with_its_number():
    """The mark of a living process fits it; another start time, or another boot, doesn't."""
    mine = processes.mark_of(os.getpid())
    boot, space, start = mine.split("/", 2)
    assert processes.has_died(os.getpid(), mine) is False
    assert processes.has_died(os.getpid(), f"{boot}/{space}/{int(start) + 1}") is True
    assert processes.has_died(os.getpid(), f"elsewhen/{space}/{start}") is True


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_a_process_in_another_container_is_left_to_its_heartbeat():
    """Its pid namespace is not ours: nobody can say from here."""
    boot, _space, start = processes.mark_of(os.getpid()).split("/", 2)
    assert processes.has_died(os.getpid(), f"{boot}/pid:[1]/{start}") is None


def test_a_process_that_ended_has_died_even_before_it_is_reaped():
    """A zombie writes nothing any more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = processes.mark_of(child.pid)
        assert processes.has_died(child.pid, mark) in (False, None)
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        if mark:
            assert processes.has_died(child.pid, mark) is True
    assert processes.has_died(child.pid, mark) is True


def test_without_marks_only_a_missing_process_is_dead(tmp_path):
    """Where there is no /proc, a living number proves nothing: the heartbeat decides."""
    assert processes.mark_of(os.getpid(), tmp_path) == ""
    assert processes.has_died(os.getpid(), "") is None
    assert processes.has_died(2**22 + 1, "") is True
