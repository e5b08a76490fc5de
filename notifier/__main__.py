"""The way in: `notifier` and `python -m notifier`."""

import sys


def main() -> None:
    """Run the command line; exits with the code that its result deserves."""
    from notifier.cli import run  # noqa: PLC0415 - the way in imports nothing until it is called

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
