"""What a text puts in quotation marks, and whether another text says it word for word."""

import re
from collections.abc import Iterator

from service.language.text import CONTROLS, MARKS

# An opening mark stands before a word and behind none, a closing one the other way round: ד"ר and don't hold none.
_DOUBLE = re.compile(r"(?<!\w)[\"“„”«״](?=\S)([^\"“„”«»״\n]{1,400}?)[\"”“»״](?!\w)")
_SINGLE = re.compile(r"(?<!\w)['‘](?=\S)([^'‘’\n]{1,400}?\s[^'‘’\n]{1,400}?)['’](?!\w)")
_CONTROL = re.compile(f"[{MARKS}{CONTROLS}]")
_MARK = re.compile(r"[\"'“”„«»״׳‘’`]")
_BLANK = re.compile(r"\s+")
_ENDS = " .,;:!?…"


def quoted(text: str) -> Iterator[str]:
    """The quotations that hold a word."""
    for pattern in (_DOUBLE, _SINGLE):
        yield from (match[1] for match in pattern.finditer(text) if any(map(str.isalnum, match[1])))


def says(source: str, quotation: str) -> bool:
    """Whether a text has these very words, however blanks, case and quotation marks are written."""
    wanted, held = _bare(quotation).strip(_ENDS), _bare(source)
    start = held.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (held[start - 1 : start].isalnum() or held[end : end + 1].isalnum()):
            return True
        start = held.find(wanted, start + 1)
    return False


def _bare(text: str) -> str:
    return _BLANK.sub(" ", _MARK.sub("", _CONTROL.sub("", text))).casefold()
