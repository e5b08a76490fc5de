"""One round: a run that is killed again and again, and started again until it is finished.

Then what the relay took is compared with the ledger, message by message.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import ledger_file
import school
import victim

#: Seconds for one command: if it takes longer, that is a fault.
PATIENCE = 120.0
#: Starts without a blow after which a run must be over.
STARTS = 25


class RelayProcess:
    """The counting relay: killed and started again on the same port, with the same record."""

    def __init__(self, port, path, capabilities):
        self._command = [
            sys.executable,
            str(Path(__file__).with_name("relay.py")),
            str(port),
            str(path),
            *capabilities,
        ]
        self.port = port
        self._path = path
        self._process = None

    def start(self):
        """Until it listens."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self):
        """At once."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def taken(self):
        """How often it took each token, and whom it refused or put off."""
        taken, refused = Counter(), Counter()
        for line in self._path.read_text().splitlines():
            kind, name, address = line.split(" ")
            if kind == "T":
                taken[name, address] += 1
            else:
                refused[address] += 1
        return taken, refused


@dataclass
class Account:
    """What came of a round, or of many."""

    rounds: int = 0
    #: By the phase that the client was in, or `server`, `both`.
    kills: Counter = field(default_factory=Counter)
    #: Blows that came too late: the command had ended.
    missed: int = 0
    starts: int = 0
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    falsely_accepted: int = 0
    #: Deliveries that were ever in doubt, the most that a kill left, and what was allowed in all.
    in_doubt: int = 0
    most_in_doubt: int = 0
    bound: int = 0
    over_bound: int = 0
    #: In doubt, and sent again because a policy or a person said so.
    resent: int = 0
    #: ... of which the relay had the first one already.
    resent_twice: int = 0
    #: Doubts that no command listed with their Message-ID.
    unlisted: int = 0
    #: Anything else that must not be, in words.
    faults: list = field(default_factory=list)

    def add(self, other):
        """Both together."""
        self.kills += other.kills
        self.most_in_doubt = max(self.most_in_doubt, other.most_in_doubt)
        self.faults += other.faults
        for name in (
            "rounds", "missed", "starts", "messages", "lost", "doubled", "falsely_accepted",
            "in_doubt", "bound", "over_bound", "resent", "resent_twice", "unlisted",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def is_clean(self):
        """Whether every promise held."""
        return not (
            self.lost
            or self.doubled
            or self.falsely_accepted
            or self.over_bound
            or self.unlisted
            or self.faults
        )


class Torture:
    """A round under way."""

    def __init__(self, plan, seed, folder, port, *, tell=lambda _line: None):
        self.plan = plan
        self.root = folder / "school"
        self.scratch = folder / "scratch"
        for place in (self.root, self.scratch):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
        self.addresses = school.make(self.root, plan, port, seed)
        self.log = self.scratch / "log.txt"
        self.relay = RelayProcess(port, self.scratch / "record.txt", plan.capabilities)
        self.ledger = self.root / "data/ledger.sqlite"
        self.account = Account(rounds=1)
        self._tell = tell

    def run(self):
        """All of it; the account."""
        self.relay.start()
        try:
            self._torture()
        finally:
            self.relay.kill()
        return self.account

    def _torture(self):
        for blow in self.plan.blows:
            if not self._is_finished():
                self._strike(blow, self._send())
        self._finish()
        if self._photograph().counts["refused"]:
            for blow in self.plan.retry_blows:
                self._retry(blow)
            self._command("retry", "1")
            self._finish()
        self._list_doubts()
        if self.plan.by_hand and self._photograph().counts["unknown"]:
            self._command("doubt", "1", f"--{self.plan.by_hand}", "--yes")
            self._finish()
        self._compare()
        self._command("ledger", "check", codes=(0,))
        if self._photograph().run_state == "finished":
            self._purge()

    def _purge(self):
        """Personal content goes, killed in the middle or not; figures stay as they were."""
        before, command = self._photograph(), ("ledger", "purge", "--older-than", "90d", "--yes")
        ledger_file.make_older(self.ledger)
        for blow in self.plan.purge_blows:
            self._strike(blow, command, checks_intents=False)
        self._command(*command, codes=(0,))
        after = self._photograph()
        if after.counts != before.counts:
            self._fault(f"purged, {dict(before.counts)} became {dict(after.counts)}")
        if after.people:
            self._fault(f"purged, and {after.people} people are left")
        self._command("ledger", "check", codes=(0,))

    # --- blows -------------------------------------------------------------------------------

    def _send(self):
        return ("send", "marks", "--live", "--occurrence", "first")

    def _retry(self, blow):
        if blow.phase == "retry":
            self._strike(blow, ("retry", "1"))
        else:
            self._command("retry", "1")
            if self._photograph().run_state in ("active", "paused"):
                self._strike(blow, ("resume", "1"))

    def _strike(self, blow, command, *, checks_intents=True):
        if blow.phase == "migration":
            self._age()
        self._note(f"{blow}: {' '.join(command)}")
        company = self._start(command) if blow.has_company else None
        client = self._start(command, blow)
        self._let_fall(blow, client)
        if company is not None:  # nobody may be at the ledger when it is photographed
            self._wait(company)
        self._look(client, blow, checks_intents=checks_intents)

    def _let_fall(self, blow, client):
        if blow.is_plain:
            client.wait(blow.after)
        elif not client.wait_for(blow.phase, PATIENCE):
            return
        elif blow.after is not None:
            client.wait(blow.after)
        else:
            client.wait(PATIENCE)
        if blow.whom == "client":
            client.strike()
            return
        self.relay.kill()
        self.account.bound += self.plan.bound * (1 + blow.has_company)
        if blow.whom == "both":
            client.wait(blow.pause / 10)
            client.strike()
        time.sleep(blow.pause)
        self.relay.start()
        if blow.whom == "server":
            self.account.kills["server"] += 1
            client.wait(PATIENCE)

    def _start(self, command, blow=None):
        self.account.starts += 1
        arguments = ["--workspace", str(self.root), *command]
        if blow is not None and blow.is_plain:
            return victim.start_plain(arguments, self.log)
        if blow is None or blow.after is not None:
            return victim.start_forked(arguments, self.log)
        return victim.start_forked(arguments, self.log, phase=blow.phase, statement=blow.statement)

    def _look(self, client, blow, *, checks_intents):
        """Look at what the client left behind, be it killed or come to its end."""
        if client.code is None:
            self._fault(f"it hangs: {blow}")
            client.strike()
        elif blow.whom == "server":
            self._check_code(client)
            return
        elif client.code != -signal.SIGKILL:
            self._note(f"  came too late, exit {client.code}, phases {client.phases}")
            self.account.missed += 1
            self._check_code(client)
            return
        before = self._photograph()
        phase = client.phases[-1] if client.phases else before.run_state or "start"
        name = "both" if blow.whom == "both" else _NAMES.get(phase, phase)
        self.account.kills[name] += 1
        self._note(f"  killed in {phase}: {dict(before.counts)}")
        self.account.bound += self.plan.bound
        left = before.counts["submitting"]
        self.account.most_in_doubt = max(self.account.most_in_doubt, left)
        if left > self.plan.bound:
            self.account.over_bound += 1
            self._fault(f"{left} in doubt, though at most {self.plan.bound} may be: {blow}")
        if checks_intents:
            self._check_intents(before)

    def _check_intents(self, before):
        """Nothing is with the relay whose intent is not in the ledger."""
        taken, _refused = self.relay.taken()
        for token, address in taken:
            _state, has_intent, _doubts = before.deliveries.get(token, ("", False, 0))
            if not has_intent:
                self._fault(f"{address} was sent without an intent in the ledger ({token})")

    # --- to the end --------------------------------------------------------------------------

    def _command(self, *command, codes=(0, 1, 3)):
        client = self._start(command)
        self._wait(client, codes)

    def _wait(self, client, codes=(0, 1, 3)):
        if not client.wait(PATIENCE):
            self._fault("it hangs")
            client.strike()
        self._check_code(client, codes)

    def _check_code(self, client, codes=(0, 1, 3)):
        if client.code not in codes or b"Traceback" in self.log.read_bytes():
            self._fault(f"exit code {client.code}: {self._last_words()}")

    def _last_words(self):
        return " | ".join(self.log.read_text("utf-8", "replace").strip().splitlines()[-8:])

    def _finish(self):
        """Start it, and start it again, until the run is over."""
        for start in range(STARTS):
            if self._is_finished():
                return
            has_begun = start and self._photograph().run_state in ("active", "paused")
            self._command(*(("resume", "1") if has_begun and start % 2 else self._send()))
        self._fault(f"it is not over after {STARTS} starts: {self._last_words()}")

    def _is_finished(self):
        return self._photograph().run_state in ("finished", "held")

    def _age(self):
        """As if an older version of the program had come so far."""
        from notifier.ledger.connection import SCHEMA

        if self._photograph().run_id:
            schema = 1 + self.plan.number % (SCHEMA - 1)
            ledger_file.age(self.ledger, self.scratch, schema)

    def _list_doubts(self):
        """Each doubt is listed with its Message-ID."""
        now = self._photograph()
        doubts = {token for token, it in now.deliveries.items() if it[0] == "unknown"}
        if not doubts:
            return
        before = self.log.stat().st_size
        self._command("doubt", "1", "--json")
        with self.log.open("rb") as said:
            said.seek(before)
            listed = said.read().decode()
        self.account.unlisted += sum(token not in listed for token in doubts)

    # --- the account -------------------------------------------------------------------------

    def _photograph(self):
        found = ledger_file.photograph(self.ledger, self.scratch)
        for wrong in found.wrong:
            self._fault(wrong)
        return found

    def _compare(self):
        now, account = self._photograph(), self.account
        taken, refused = self.relay.taken()
        counts = Counter()
        for (token, address), count in taken.items():
            counts[token] += count
            if address not in self.addresses or token not in now.deliveries:
                self._fault(f"nobody meant to write to {address} ({token})")
        account.messages += len(now.deliveries)
        account.lost += abs(len(self.addresses) - len(now.deliveries))
        for token, (state, _has_intent, doubts) in now.deliveries.items():
            self._judge(token, state, doubts, counts[token])
        if self.plan.on_doubt == "hold" and self.plan.by_hand != "resend" and account.resent:
            self._fault(f"{account.resent} were sent again without anybody having said so")
        if account.in_doubt > account.bound:
            account.over_bound += 1
        left, right = ledger_file.sums(self.ledger, self.scratch)
        if left != right:
            self._fault(f"the sum: {left} rows and further addresses, {right} accounted for")
        if now.run_state == "finished" and not refused:
            self._fault("the relay refused nobody")

    def _judge(self, token, state, doubts, count):
        account = self.account
        account.in_doubt += bool(doubts)
        may_repeat = doubts and "resend" in (self.plan.on_doubt, self.plan.by_hand)
        account.resent += bool(may_repeat) and state not in ("unknown", "presumed")
        if state == "accepted" and not count:
            account.falsely_accepted += 1
            self._fault(f"accepted, and the relay never had it: {token}")
        elif state not in ("accepted", "unknown", "refused", "presumed"):
            account.lost += 1
            self._fault(f"left {state}: {token}")
        elif state == "refused" and count and not doubts:
            account.lost += 1
            self._fault(f"refused, and the relay took it: {token}")
        if count > 1 + (doubts if may_repeat else 0):
            account.doubled += count - 1
            self._fault(f"sent {count} times: {token} ({state}, {doubts} doubts)")
        elif count > 1:
            account.resent_twice += 1

    def _fault(self, text):
        self.account.faults.append(f"round {self.plan.number}: {text}")
        self._note(f"  FAULT {text}")

    def _note(self, text):
        self._tell(f"[{self.plan.number}] {text}")


#: What a phase, or the state in which a plain victim left its run, is called in the table.
_NAMES = {
    "ready": "delivery",
    "done": "retry",
    "enrolling": "enrolment",
    "active": "delivery",
    "finished": "finish",
    "held": "finish",
}
