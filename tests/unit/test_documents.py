"""What the documents name is there: settings both ways, files, and commands of make."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import MigrationSettings, Settings

ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "helm" / "operating.md").read_text()
PAGES = ["README.md", "helm/README.md", "helm/operating.md", "helm/backup.md"]
SETTINGS = {name.upper() for name in (*Settings.model_fields, *MigrationSettings.model_fields)}
TOPS = [ROOT, ROOT / "service"]
"""Where a page's paths begin."""
ROOMS = {room.name for top in TOPS for room in top.iterdir() if room.is_dir()}


def told(cells: int) -> set[str]:
    """The variables in so many first cells of each row of the tables under *Settings*."""
    part = OPERATING.split("\n## Settings\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in part.splitlines() if line.startswith(("| `", "| or"))]
    return {name for row in rows for name in variables(" | ".join(row.split(" | ")[:cells]))}


def variables(text: str) -> Iterator[str]:
    """`.._CHAT_MODEL` goes on after the first words of the name before it."""
    before = ""
    for name in re.findall(r"`((?:\.\.)?[A-Z_]{4,})`", text):
        if not name.startswith(".."):
            before = name
        yield continued(before, name[2:]) if name.startswith("..") else name


def continued(before: str, rest: str) -> str:
    """The one setting that begins as the name before and ends with the rest."""
    words = before.split("_")
    starts = ("_".join(words[:n]) for n in range(1, len(words) + 1))
    [found] = {start + rest for start in starts} & SETTINGS
    return found


def test_every_setting_is_in_the_operators_tables_and_nothing_else():
    """A setting without a line is one that nobody finds, a line without a setting one that does nothing."""
    assert SETTINGS - told(3) == set()
    assert told(1) - SETTINGS == set()


def missing(page: str) -> list[str]:
    """Paths in backticks or behind a picture that lead nowhere, from the top or from `service`."""
    text = (ROOT / page).read_text()
    paths = set(re.findall(r"`([\w.-]+/[\w./-]*)`|\]\(([\w./-]+)\)", text))
    ours = {one or two for one, two in paths if (one or two).split("/")[0] in ROOMS}
    return sorted(one for one in ours if not any((top / one).exists() for top in TOPS))


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    """A path leads somewhere."""
    assert missing(page) == []


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_that_a_page_names_exist(page):
    """`make WORD` can be given."""
    targets = set(re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / page).read_text()
    named = set(re.findall(r"(?:`|^|= )make ([\w./]+)", text, re.MULTILINE))
    assert named - targets == set()
