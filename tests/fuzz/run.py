"""Fuzz the program's parsers for a while: `make fuzz`, `FUZZ_SECONDS=600 make fuzz`.

    python tests/fuzz/run.py [TARGET ...]       all of them, unless some are named

By atheris (coverage-guided) where it can be had: it comes into `.fuzz/`, beside the environment and
not into it, and what it finds stays there from run to run. Else by Hypothesis, with as many
examples as fit into the time. What breaks a promise is printed with the bytes that do it; to see it
again: `python tests/fuzz/run.py --again TARGET FILE`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = ROOT / ".fuzz"
CORPUS = HERE / "corpus"
#: Bytes of one input, at most.
LONGEST = 600
#: Seconds in all, unless FUZZ_SECONDS says otherwise.
SECONDS = 60.0
#: Examples of one round of Hypothesis.
ROUND = 200

sys.path[:0] = [str(HERE), str(HOME / "packages")]


def main(arguments):
    """Fuzz, or do one step of it; the exit code is 1 where something was found."""
    if arguments[:1] == ["--atheris"]:
        return _by_atheris(*arguments[1:])
    targets = _targets()
    if arguments[:1] == ["--again"]:
        targets[arguments[1]](Path(arguments[2]).read_bytes())
        return 0
    unknown = set(arguments) - set(targets)
    if unknown:
        print(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(targets)}")
        return 2
    chosen = {name: targets[name] for name in arguments or targets}
    seconds = float(os.environ.get("FUZZ_SECONDS", SECONDS)) / len(chosen)
    fuzz = _start_atheris if _has_atheris() else _by_hypothesis
    broken = [name for name, target in chosen.items() if not fuzz(name, target, seconds)]
    print(f"{len(chosen)} targets, {seconds:.0f} seconds each: " + (
        f"broken: {', '.join(broken)}" if broken else "no promise was broken"
    ))  # fmt: skip
    return 1 if broken else 0


def _targets():
    from targets import TARGETS

    return TARGETS


def _has_atheris():
    """Whether it is here, or can be had for this Python."""
    if importlib.util.find_spec("atheris") is not None:
        return True
    print("atheris is not here yet: asking for it (once)")
    installed = subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
            "--only-binary", ":all:", "--target", HOME / "packages", _requirement(),
        ],
        check=False,
    )  # fmt: skip
    importlib.invalidate_caches()
    if installed.returncode == 0 and importlib.util.find_spec("atheris") is not None:
        return True
    version = ".".join(map(str, sys.version_info[:2]))
    print(f"There is no atheris for Python {version} here: Hypothesis does it, without coverage.")
    return False


def _requirement():
    """As pyproject.toml has it, in the extra `fuzz`."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (found,) = project["optional-dependencies"]["fuzz"]
    return found


# --- atheris -----------------------------------------------------------------------------------


def _start_atheris(name, _target, seconds):
    found = HOME / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    (HOME / "broken").mkdir(exist_ok=True)
    done = subprocess.run(
        [
            sys.executable, __file__, "--atheris", name, found, CORPUS / name,
            f"-max_total_time={max(1, round(seconds))}", f"-max_len={LONGEST}", "-timeout=20",
            "-rss_limit_mb=2048", f"-artifact_prefix={HOME / 'broken'}/{name}-",
            "-verbosity=0", "-print_final_stats=1",
        ],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )  # fmt: skip
    stats = dict(
        line.removeprefix("stat::").split(":", 1)
        for line in done.stderr.splitlines()
        if line.startswith("stat::")
    )
    runs = stats.get("number_of_executed_units", "0").strip()
    print(f"{name:<14} {runs:>9} inputs", flush=True)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
    return done.returncode == 0


def _by_atheris(name, *arguments):
    import atheris

    with atheris.instrument_imports(include=["notifier", "dialogue"]):
        target = _targets()[name]
    atheris.Setup([name, *map(str, arguments)], target)
    atheris.Fuzz()


# --- Hypothesis --------------------------------------------------------------------------------


def _by_hypothesis(name, target, seconds):
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    seeds = [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))] or [b""]
    data = st.one_of(
        st.binary(max_size=LONGEST),
        st.builds(_mutated, st.sampled_from(seeds), st.binary(max_size=24), st.randoms()),
    )
    until, rounds = time.monotonic() + seconds, 0
    check = settings(
        max_examples=ROUND, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )(given(data)(target_of(target)))
    try:
        while time.monotonic() < until:
            check()
            rounds += 1
    except Exception as exc:  # noqa: BLE001 - whatever a target raises is what is looked for
        print(f"{name}: {type(exc).__name__}: {exc}", *getattr(exc, "__notes__", ()), sep="\n")
        return False
    print(f"{name:<14} {rounds * ROUND:>9} inputs", flush=True)
    return True


def target_of(target):
    """The target under a name of its own argument, as Hypothesis wants it."""

    def check(data):
        target(data)

    return check


def _mutated(seed, noise, random):
    start = random.randint(0, len(seed))
    end = random.randint(start, min(len(seed), start + 8))
    return seed[:start] + noise + seed[end:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
