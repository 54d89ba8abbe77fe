"""Reading pages: blocks, console commands, and expected output."""

from __future__ import annotations

import pytest

from tests.pages.blocks import Command, blocks, commands, fits, start

PAGE = """# Page

```python
# functions/jobs/x.py
x = 1
```

1. Indented:

   ```sh
   cronstack list
   ```

<!-- run
cronstack cdk deploy
-->

```console
$ echo a \\
  b
a b
$ true
```
"""


def test_blocks_have_line_kind_and_text_without_indent() -> None:
    found = [(block.line, block.kind, block.first) for block in blocks(PAGE)]
    assert found == [
        (4, "file", "# functions/jobs/x.py"),
        (11, "shell", "cronstack list"),
        (15, "shell", "cronstack cdk deploy"),
        (19, "console", "$ echo a \\"),
    ]
    assert blocks(PAGE)[0].path == "functions/jobs/x.py"
    assert blocks(PAGE)[1].text == "cronstack list\n"


def test_a_comment_above_a_block_names_its_file() -> None:
    (block,) = blocks("<!-- file: policy.json -->\n```json\n{}\n```\n")
    assert (block.line, block.kind, block.path) == (3, "file", "policy.json")


def test_a_block_needs_a_known_language() -> None:
    (block,) = blocks("```\nx\n```\n")
    with pytest.raises(ValueError, match="line 2: language ''"):
        _ = block.kind


def test_console_commands_have_their_output() -> None:
    assert commands(blocks(PAGE)[3].text) == [Command("echo a \\\n  b", "a b\n"), Command("true", None)]


def test_a_console_block_starts_with_a_command() -> None:
    with pytest.raises(ValueError, match="starts with"):
        commands("output\n")


@pytest.mark.parametrize(
    ("expected", "printed", "answer"),
    [
        ("a b", "a b", True),
        ("a …", "a 12", True),
        ("a … c", "a 12 c  \n\n", True),
        ("a … c", "a 12\nc", False),
        ("a\n…\nc", "a\nb\nb\nc", True),
        ("a\n…\nc", "a\nc", True),
        ("a\n…", "a\nb\nc", True),
        ("a\n…", "a", True),
        ("…\nc", "a\nb\nc", True),
        ("…", "a\nb", True),
        ("a.c", "abc", False),
        ("a", "a\nb", False),
    ],
)
def test_dots_fit_any_text(expected: str, printed: str, answer: bool) -> None:
    assert fits(expected, printed) is answer


@pytest.mark.parametrize(
    ("page", "place"),
    [
        (PAGE, "project"),
        ("```sh\ncronstack new shop\n```\n", "empty"),
        ("```sh\ncronstack new job x --once\n```\n", "project"),
        ("<!-- start: repository -->\n", "repository"),
    ],
)
def test_where_a_page_starts(page: str, place: str) -> None:
    assert start(page) == place
