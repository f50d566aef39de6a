"""A text as a model may understand it: without the disguises that hide words from whoever looks for them."""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from service.language.plain import parted, plain
from service.language.text import HEBREW

LEAST_ENCODED = 24  # Characters of base64 or hex that are worth decoding: 18 or 12 letters.
MOST_DECODED = 4  # Of one text; who hides more has been seen by then.

# Letters of other alphabets that look like Latin ones, small and case-folded
# (https://www.unicode.org/Public/security/latest/confusables.txt, those that a keyboard has).
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁԛѡһӏкмтвнзԍɡαβεικνορτυχγηωսոօցһքɑɩıʟɴʀᴀᴇᴏ",
    "aeopcyxijsdqwhlkmtbh3ggabeikvoptuxynwunoghpaiilnraeo",
)
_LOOKALIKE = re.compile(f"[{''.join(map(chr, _LOOKALIKES))}]")
_LEET = str.maketrans("013457@$!€", "oieastasie")
_MIXED = re.compile(r"(?<![\w@$!€])(?=[\d@$!€]*[a-z])(?=[a-z]*[\d@$!€])[a-z\d@$!€]{3,}(?![\w@$!€])")
_SPELLED = re.compile(rf"(?<!\w)(?:[a-z]|[{HEBREW}])(?:[ ._*|\-](?:[a-z]|[{HEBREW}])){{3,}}(?!\w)")
_SPELLED_TOO = re.compile(rf"(?<!\w)(?:\w|[{HEBREW}])(?:[ ._*|\-]\w)+(?!\w)")
_TAG = 0xE0000  # Tags are ASCII, moved so far: a whole message that no screen shows.
_TAGS = re.compile("[\U000e0020-\U000e007e]")
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
_BASE64 = re.compile(rf"(?<![\w+/=-])[A-Za-z0-9+/_-]{{{LEAST_ENCODED},}}={{0,2}}")
_HEX = re.compile(rf"(?<![\w])(?:[0-9a-fA-F]{{2}}[ :]?){{{LEAST_ENCODED // 2},}}(?!\w)")
_ROT13 = re.compile(r"\b(?:vtaber|qvfertneq|vafgehpgvbaf?|cebzcg|flfgrz)\b", re.IGNORECASE)
_BACKWARDS = re.compile(
    r"erongi|drageridsid|drageris|snoitcurtsni|tpmorp|תוארוה|תויחנה|מלעתה|םלעתה"
)


def folded(text: str) -> str:
    """Small letters of one shape, without marks, entities and escapes; letters that were spelled out are joined."""
    seen = unquote(html.unescape(plain(text)))
    small = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", plain(seen)).casefold())
    return _together(unicodedata.normalize("NFC", _MARKS.sub("", small)))


def undisguised(text: str) -> Iterator[str]:
    """Every reading worth judging.

    As it is written; with look-alikes and digits as the letters they play; with what nobody sees as blanks; with hidden
    tags as the letters they stand for.
    """
    read = folded(text)
    yield read
    seen = read.translate(_LOOKALIKES) if _LOOKALIKE.search(read) else read
    played = _MIXED.sub(lambda word: word.group().translate(_LEET), seen)
    if played != read:
        yield _together(played)
    if (spaced := parted(text)) != text:
        yield folded(spaced)
    if _TAGS.search(text):
        yield folded(_TAGS.sub(lambda tag: chr(ord(tag.group()) - _TAG), text))
    if _BACKWARDS.search(read):
        yield read[::-1]
    if _ROT13.search(read):
        yield codecs.encode(read, "rot13")


def decoded(text: str) -> list[str]:
    """What stands in a text as base64 or hex and is itself a text."""
    seen = plain(text)
    found = [*_BASE64.findall(seen)[:MOST_DECODED], *_HEX.findall(seen)[:MOST_DECODED]]
    texts = (_from_hex(one) or _from_base64(one) for one in found)
    return [one for one in texts if one and _is_text(one)]


def _together(text: str) -> str:
    """Words that were spelled letter by letter; where one of four letters is, shorter ones are too."""
    return _SPELLED_TOO.sub(_joined, text) if _SPELLED.search(text) else text


def _joined(letters: re.Match[str]) -> str:
    return re.sub(r"[ ._*|\-]", "", letters.group())


def _from_base64(encoded: str) -> str | None:
    bare = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _from_hex(encoded: str) -> str | None:
    try:
        return bytes.fromhex(encoded.replace(":", "")).decode()
    except ValueError:
        return None


def _is_text(decoded: str) -> bool:
    """Whether it is written for a reader; a key or an id of the same length decodes to noise."""
    letters = sum(one.isalpha() or one.isspace() for one in decoded)
    readable = all(one.isprintable() or one.isspace() for one in decoded)
    return readable and letters >= 0.6 * len(decoded) and " " in decoded
