"""What is done to a round, drawn from a seed: how large it is, and when who is killed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

#: What may be under way when the blow falls, and how often each is aimed at. `server` and `both`
#: fall while messages are on the wire.
AIMS = {
    "start": 1,
    "enrolment": 3,
    "migration": 2,
    "recovery": 3,
    "delivery": 7,
    "finish": 2,
    "server": 2,
    "both": 2,
}
#: Statements of SQL that a phase takes, roughly: a blow may fall on any of them, and some beyond.
STATEMENTS = {"migration": 60, "recovery": 12, "finish": 14, "retry": 7, "purge": 40, "start": 12}
#: Seconds that it takes, roughly.
SECONDS = {
    "start": 0.4,
    "enrolment": 0.2,
    "migration": 0.06,
    "recovery": 0.005,
    "finish": 0.1,
    "retry": 0.01,
    "purge": 0.05,
}
#: Messages that a connection carries in a second, roughly: each waits for the disk.
SPEED = 120


@dataclass(frozen=True, slots=True)
class Blow:
    """One kill, and when it falls."""

    #: The phase that it waits for.
    phase: str
    #: `client`, `server` or `both`.
    whom: str
    #: Seconds after the phase began; None: `statement` says when.
    after: float | None
    #: The how-manieth statement of SQL, from the phase's beginning.
    statement: int
    #: Seconds until the server is started again, or until the client is killed too.
    pause: float
    #: In a process of its own, started as a person does, and killed by the clock alone.
    is_plain: bool
    #: Another sends the same run meanwhile, and is not killed.
    has_company: bool

    def __str__(self) -> str:
        when = f"{self.after:.4f} s" if self.after is not None else f"statement {self.statement}"
        more = ", plain" * self.is_plain + ", in company" * self.has_company
        return f"{self.whom} at {self.phase} + {when}{more}"


@dataclass(frozen=True, slots=True)
class Round:
    """One run from its sheet to its end."""

    number: int
    people: int
    #: Accounts through which the run is shared out, each with so many connections of that depth.
    relays: int
    connections: int
    depth: int
    capabilities: tuple[str, ...]
    #: `hold` or `resend`.
    on_doubt: str
    #: Processes that make messages, beside the one that sends.
    workers: int
    blows: tuple[Blow, ...]
    #: While refused deliveries are put back and sent.
    retry_blows: tuple[Blow, ...]
    #: What a person says about the doubts in the end: nothing, `resend` or `accept`.
    by_hand: str
    purge_blows: tuple[Blow, ...]

    @property
    def bound(self) -> int:
        """Messages that one kill may leave in doubt."""
        return self.relays * self.connections * self.depth


def draw(seed: int, number: int) -> Round:
    """The same for the same seed and number."""
    dice = Random(f"{seed}/{number}")
    connections = dice.choice((1, 2, 4, 8, 8, 16))
    if number % 25 == 0:
        people, connections = 4000, 16
    else:
        people = dice.randrange(200, 1500 if connections > 2 else 400)
    capabilities = dice.choice(
        (("PIPELINING",), ("PIPELINING", "CHUNKING", "8BITMIME"), ("8BITMIME",))
    )
    return Round(
        number=number,
        people=people,
        relays=dice.choice((1, 1, 1, 2)),
        connections=connections,
        depth=dice.choice((1, 2, 2, 4)),
        capabilities=capabilities,
        on_doubt="resend" if dice.random() < 0.2 else "hold",
        workers=1 if dice.random() < 0.1 else 0,
        blows=tuple(_blow(dice, people, connections) for _ in range(dice.randrange(3, 6))),
        retry_blows=tuple(
            _blow(dice, people // 25, connections, {"retry": 2, "recovery": 1, "delivery": 2})
            for _ in range(dice.randrange(1, 3))
        ),
        by_hand=dice.choice(("", "", "", "resend", "accept")),
        purge_blows=tuple(
            _blow(dice, people, connections, {"purge": 1}) for _ in range(dice.randrange(2))
        ),
    )


def _blow(dice: Random, people: int, connections: int, aims: dict[str, int] = AIMS) -> Blow:
    aim = dice.choices(list(aims), list(aims.values()))[0]
    whom = aim if aim in ("server", "both") else "client"
    phase = "delivery" if whom != "client" else aim
    is_plain = whom == "client" and dice.random() < 0.1
    sending = people / SPEED / connections
    sent = people * 24 // min(connections, 8) + 40  # statements: transactions are shared
    if is_plain:
        after = dice.uniform(0.3, 2 + sending)
    elif whom != "client" or dice.random() < 0.5:
        after = dice.uniform(0, SECONDS.get(phase, sending))
    else:
        after = None
    statements = STATEMENTS.get(phase, people if phase == "enrolment" else sent)
    return Blow(
        phase="start" if is_plain else phase,
        whom=whom,
        after=after,
        statement=dice.randrange(1, statements),
        pause=dice.uniform(0, 0.3),
        is_plain=is_plain,
        has_company=aims is AIMS and dice.random() < 0.15,
    )


def smaller(whole: Round, people: int) -> Round:
    """The same with fewer people."""
    return replace(whole, people=min(whole.people, people))
