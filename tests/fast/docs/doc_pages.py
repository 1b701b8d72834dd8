"""The pages of the documentation, README included, and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLES = [ROOT / "examples" / name / "README.md" for name in ("mixed_math_code", "paper_two_stage")]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *EXAMPLES]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced code block."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        title = re.search(r'title="([^"]+)"', match.group(2))
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, match.group(1), title.group(1) if title else "", match.group(3)))
    return found


def blocks_in(*languages: str) -> list[Block]:
    """All blocks of these languages, of all pages; without languages, all blocks."""
    return [block for page in PAGES for block in blocks(page) if not languages or block.language in languages]


def write_titled(page: Path, folder: Path) -> list[str]:
    """Write the page's titled blocks as the files that they are; returns their names."""
    titled = [block for block in blocks(page) if block.title]
    for block in titled:
        path = folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    return [block.title for block in titled]


def commands_of(block: Block) -> list[tuple[str, str]]:
    """Each command of a console block, on one line, with the output shown below it."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert parts[0].strip() == "", f"{block}: begins with no command"
    found = []
    for part in parts[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = f"{command[:-1].rstrip()} {more.strip()}"
        found.append((command, shown.strip()))
    return found
