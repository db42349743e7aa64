"""What documents tell people to click and to type is there: links, pictures, commands, options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from aichain.cli import main

ROOT = Path(__file__).parents[2]
AWAY = ("node_modules", "site-packages", ".pytest_cache")
DOCUMENTS = [
    path
    for room in (ROOT, *sorted(path for path in ROOT.iterdir() if path.is_dir()))
    if room.name not in (".venv", ".git", ".localnet")
    for path in sorted(room.glob("*.md") if room == ROOT else room.rglob("*.md"))
    if not set(AWAY) & set(path.parts)
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"(?:^|[;|&(]|\$)\s*(?:[A-Z_]+=\S+ |sudo (?:-\S+ \S+ )*)*\S*?\baichain (.*)")
LEFT_OUT = "…"


def headings(document: Path) -> set[str]:
    """Their anchors, as GitHub makes them."""
    text = FENCE.sub("", document.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", title).strip().lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(document: Path) -> None:
    text = FENCE.sub("", document.read_text("utf-8"))
    lost = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in headings(target)):
            lost.append(link)
    assert not lost


def commands(document: Path) -> Iterator[str]:
    text = document.read_text("utf-8")
    for language, block in FENCE.findall(text):
        if language in ("", "sh", "bash"):
            yield from _typed(block.replace("\\\n", " "))
    for code in INLINE.findall(FENCE.sub("", text)):
        yield from _typed(code)


def _typed(block: str) -> Iterator[str]:
    for line in block.splitlines():
        for part in re.split(r"[;|]|&&", line.split("  #")[0].split("   then")[0]):
            found = COMMAND.match(part.strip())
            if found:
                yield found[1]


def trouble_of(line: str) -> str:
    """What the command line would not know in it; nothing where it knows all."""
    words = shlex.split(re.sub(r"\s#.*|[<>&].*|\)\"?$", "", line))
    command: click.Command = main
    context = click.Context(main)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        if not re.fullmatch(r"[a-z][a-z-]*", name):  # … or NAME: any of them
            return ""
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name!r}"
        command = found
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    options = [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]
    return "".join(f"no {option} " for option in options if option not in {*known, "--help"})


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_options_exist(document: Path) -> None:
    wrong = {line: trouble_of(line) for line in commands(document)}
    assert {line: why for line, why in wrong.items() if why} == {}


def test_a_wrong_command_would_be_seen() -> None:
    assert trouble_of("query blok 7") == "no command 'blok'"
    assert trouble_of("tx send --form account:0") == "no --form "
    assert trouble_of("tx send --from account:0 --to 0x… --amount 1.5 --wait") == ""
    readme = list(commands(ROOT / "README.md"))
    assert "query status" in [line.strip() for line in readme]
    assert len(readme) > 20
