"""Both READMEs against the program: what they promise exists, and what exists is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notifier.cli import app
from notifier.cli.help import usage_pieces
from notifier.locale import LOCALES, use

ROOT = Path(__file__).parents[3]
READMES = ("README.md", "README.vi.md")


def _commands(command, path=()):
    children = getattr(command, "commands", {})
    if not children:
        yield " ".join(path), command
    for name, child in children.items():
        yield from _commands(child, (*path, name))


def _built():
    return dict(_commands(app.build()))


@pytest.fixture(scope="module")
def commands():
    """Every command by its path."""
    return _built()


@pytest.fixture(scope="module", params=READMES)
def readme(request):
    """Each README in turn."""
    return (ROOT / request.param).read_text(encoding="utf-8")


def _options(command):
    return {name for param in command.params for name in param.opts if name.startswith("-")}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_command_and_option_has_help(locale):
    """A command, argument or option without help text can't be shipped, in either language."""
    use(locale)
    for path, command in _built().items():
        assert command.help, path
        for param in command.params:
            assert param.help, f"{path} {param.name}"


def test_every_command_is_in_the_readme(commands, readme):
    """Each command stands in both READMEs, as it is typed."""
    missing = [path for path in commands if f"notifier {path}" not in readme]
    assert not missing


def test_every_option_is_in_the_readme(commands, readme):
    """Each long option of each command stands in both READMEs."""
    known = {name for command in commands.values() for name in _options(command)}
    missing = {name for name in known if name.startswith("--") and name not in readme}
    assert missing <= {"--output"}  # which is told as -o


def test_the_readme_mentions_no_command_that_is_not_there(commands, readme):
    """Whatever follows `notifier` in code in a README is a command."""
    heads = {path.split()[0] for path in commands}
    code = re.findall(r"`([^`]+)`|^(notifier .*)$", readme, flags=re.MULTILINE)
    for match in code:
        for words in re.findall(r"(?<![\w/.])notifier ((?:[a-z]+ ?){1,2})", " ".join(match)):
            first, *rest = words.split()
            assert first in heads, words
            subs = {path.split()[1] for path in commands if path.startswith(f"{first} ")}
            assert not subs or rest[0] in subs, words


def test_the_readme_mentions_no_option_that_is_not_there(commands, readme):
    """Every option in a README is one of some command, or of the program itself."""
    known = {name for command in commands.values() for name in _options(command)}
    known |= {"--workspace", "--debug", "--version", "--help"}
    mentioned = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", "\n".join(_code(readme))))
    assert mentioned - known - {"-m"} == set()


def _code(text):
    yield from re.findall(r"`([^`\n]+)`", text)
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        yield from (line.partition("#")[0] for line in block.splitlines())


def test_the_readme_names_every_key_of_a_campaign(readme):
    """Both READMEs name each key that a campaign's file may have."""
    from notifier.campaign import json_schema

    schema = json_schema()
    keys = {*schema["properties"], *schema["$defs"]["RecipientsSpec"]["properties"]}
    missing = {key for key in keys if key not in readme}
    assert not missing


@pytest.mark.parametrize("key", ["schedule", "window"])
def test_the_readme_shows_what_is_written_under_a_key(readme, key):
    """Each example of a key that has keys of its own is one that a campaign may hold."""
    from notifier.campaign import CampaignFile
    from notifier.yaml_lines import parse_yaml

    row = next(line for line in readme.splitlines() if line.startswith(f"| `{key}`"))
    examples = re.findall(r"`(\{.*?\})`", row)
    assert examples
    kept = CampaignFile.model_json_schema()["$defs"][key.capitalize()]["properties"]
    shown = set()
    for example in examples:
        data = parse_yaml(
            f"title: x\nfrom: a@b.example\nrecipients: {{file: a.csv}}\ntemplate: x\n"
            f"{key}: {example}\n",
            "x.yaml",
        ).data
        shown |= set(data[key])
        assert getattr(CampaignFile.model_validate(data), key) is not None
    assert shown == set(kept)


def test_both_readmes_promise_the_same(commands):
    """The Vietnamese README has the same commands, options and sections as the English one."""
    english, vietnamese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    for pattern in (r"`notifier ([a-z]+(?: [a-z]+)?)", r"(--[a-z-]+)", r"^(##) ", r"^\| `([^|]*)`"):
        found = [
            sorted(set(re.findall(pattern, text, flags=re.MULTILINE)))
            if "##" not in pattern
            else len(re.findall(pattern, text, flags=re.MULTILINE))
            for text in (english, vietnamese)
        ]
        if pattern.startswith("^\\|"):
            assert len(found[0]) == len(found[1])
        else:
            assert found[0] == found[1], pattern


def test_usage_names_arguments_as_the_readme_does(commands):
    """The usage line reads like the README's table: `[OPTIONS] CAMPAIGN`."""

    class Context:
        help_option_names = ("--help",)

    command = commands["send"]
    command.get_params = lambda _ctx: command.params
    use("en")
    assert usage_pieces(command, Context()).endswith("CAMPAIGN")
