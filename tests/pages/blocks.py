"""The code blocks of a Markdown page, in order, and what each one does when the page is tested.

Rules for authors are in ``tests/README.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["file", "python", "shell", "console", "data", "text"]

LANGUAGES: Final[dict[str, Kind]] = {
    "python": "python",
    "sh": "shell",
    "bash": "shell",
    "console": "console",
    "json": "data",
    "toml": "data",
    "text": "text",
}
"""By the language of a block: what is done with it."""

_FENCE: Final = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^ *```$"
    r"|^<!-- run\n(?P<hidden>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
_PATH: Final = re.compile(r"# ((?:[\w.-]+/)*[\w.-]+\.(?:py|toml|txt|md|sh))")
_START: Final = re.compile(r"^<!-- start: (\w+) -->$", re.MULTILINE)
_NEW_PROJECT: Final = re.compile(r"^(?:\$ )?(?:uv run )?cronstack new (?!job\b)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    line: int
    """Of the page, from 1: the first line of the text."""
    language: str
    text: str
    named: str | None = None
    """The file that a comment above the block names."""

    @property
    def first(self) -> str:
        """The first line, by which ``not_run.py`` names the block."""
        return self.text.partition("\n")[0].strip()

    @property
    def path(self) -> str | None:
        """The file to which the block is written. None if neither a comment above it nor its first line names one."""
        found = _PATH.fullmatch(self.first)
        return found[1] if found else self.named

    @property
    def kind(self) -> Kind:
        """Raise ValueError for a language that no rule covers."""
        if self.language not in LANGUAGES:
            raise ValueError(f"line {self.line}: language {self.language!r} is not one of {', '.join(LANGUAGES)}")
        return "file" if self.path else LANGUAGES[self.language]


@dataclass(frozen=True)
class Command:
    """One command of a console block."""

    text: str
    output: str | None
    """The expected output. None if the page shows none."""


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page. A comment that starts with ``<!-- run`` is a shell block that readers do not see."""
    found = []
    for match in _FENCE.finditer(page):
        hidden = match["hidden"]
        group = "text" if hidden is None else "hidden"
        line = page.count("\n", 0, match.start(group)) + 1
        indent = match["indent"] or ""
        text = "".join(each.removeprefix(indent) for each in match[group].splitlines(keepends=True))
        language = "sh" if hidden is not None else match["info"].strip().partition(" ")[0]
        found.append(Block(line, language, text, match["file"]))
    return found


def start(page: str) -> str:
    """Return where the blocks of a page start: ``project``, ``empty`` (a folder) or ``repository`` (a copy)."""
    if found := _START.search(page):
        return found[1]
    shown = "\n".join(block.text for block in blocks(page) if block.language in ("sh", "bash", "console"))
    return "empty" if _NEW_PROJECT.search(shown) else "project"


def commands(text: str) -> list[Command]:
    """Return the commands of a console block. A line that ends in a backslash continues on the next line."""
    found: list[Command] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines)
            found.append(Command(command, None))
        elif not found:
            raise ValueError(f"a console block starts with '$ ', not with {line!r}")
        else:
            last = found[-1]
            found[-1] = Command(last.text, f"{last.output or ''}{line}\n")
    return found


def fits(expected: str, printed: str) -> bool:
    """Check what a command printed. A line ``…`` fits any lines, and ``…`` inside a line fits any text.

    Spaces at both ends of a line do not count.
    """
    pattern = "\n".join(
        "(?:.*)" if line.strip() == "…" else ".*?".join(map(re.escape, line.strip().split("…")))
        for line in expected.strip().splitlines()
    )
    pattern = pattern.replace("\n(?:.*)", r"(?:\n[\s\S]*?)?").replace("(?:.*)\n", r"(?:[\s\S]*?\n)?")
    pattern = pattern.replace("(?:.*)", r"[\s\S]*")
    return re.fullmatch(pattern, "\n".join(line.strip() for line in printed.strip().splitlines())) is not None
