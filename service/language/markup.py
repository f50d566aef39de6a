"""Links, images and markup in whatever shape, told from the dots, slashes and brackets of clinical writing."""

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from service.language.disguise import folded
from service.language.plain import plain

# Endings of addresses that a missing blank behind a full stop does not make ("well.No", "home.In", "sleep.live"), and
# others only before a path.
_ENDINGS = (
    "com|org|net|edu|gov|mil|info|biz|xyz|io|ai|app|dev|ru|cn|ua|top|tk|ly|gg|sh|cc|tv|onion|zip|mov|example|test"
    "|invalid|local|internal|co\\.il|org\\.il|ac\\.il|gov\\.il|muni\\.il|co\\.uk|shop|site|online|icu|cloud|goog"
)
_BEFORE_PATH = (
    f"{_ENDINGS}|[a-z]{{2}}|link|click|page|live|health|store|space|website|tech|pro|club|info"
)
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_HOST = rf"(?<![\w@.%+-])(?:{_LABEL}\.){{1,6}}"
_TAGS = (
    "a|abbr|audio|b|base|body|br|button|canvas|code|details|div|embed|font|form|frame|h[1-6]|head|html|i|iframe|img"
    "|input|li|link|marquee|math|meta|object|ol|p|picture|pre|s|script|select|source|span|strong|style|svg|table|td"
    "|template|textarea|title|tr|u|ul|video|xml"
)

# Nothing here may be read in two ways over a long run of the same sign: time would grow with its square.
_MARKUP = re.compile(
    "|".join(
        (
            r"[a-z][a-z0-9+.-]{0,20}:\s?[/\\]{2}",  # a scheme
            r"h(?:tt|xx|\*\*)ps?\s?(?:\[:\]|\(:\)|:|\[?://)",  # defanged
            r"(?:mailto|javascript|vbscript|view-source|ms-[a-z]{2,12}):\s*\S|(?:file|blob|ftps?|smb):[/\\a-z]",
            r"data:(?:\w+/\w|[;,])",
            r"www\d?\s?[.\[(]",
            r"(?<![\w:])\\\\[\w.-]{2,}\\",  # \\host\share
            r"]\(|]\[|!\s?\[|^[^\S\n]*\[[^\]\n]{1,99}]:\s*(?:<|/|\w+[.:/])",  # Markdown's links, images, definitions
            r"```|~~~|\|\s*:?-{3,}|^[^\S\n]*\|[^|\n]*\|.*\|[^\S\n]*$",  # its code and tables
            r"<[a-z!/?]|<\s+/?\s*(?:" + _TAGS + r")(?:\s[^<]{0,200})?/?\s*>",
            r"\[/?(?:url|img|link|b|i|code|quote|color)(?:=[^\]]{0,200})?]|\[\[[^\]]{1,99}]]",  # BBCode, wikis
            r"\burl\s?\(|@import\b|\\(?:href|url|includegraphics)\b|\{\{.{0,99}}}",
            rf"{_HOST}(?:{_ENDINGS})(?![\w-]|\.\w)",
            rf"{_HOST}(?:{_BEFORE_PATH})(?::\d{{2,5}})?[/?#][\w%?=&./~#-]*\w",
            r"\.xn--|\bxn--[a-z0-9]",
            r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{2,5})?/[\w?]",
            r"\w\s?(?:\[\.]|\(\.\)|\{\.}|\[dot]|\(dot\))\s?\w",
            r"\w\s+(?:dot|\.|נקודה)\s+(?:com|org|net|io|co|il|ru|xyz|קום)\b",
            r"\x1b\[",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)


def has_markup(text: str) -> bool:
    """Whether a text holds what may act as a link, an image or a tag, or would after somebody's decoding."""
    return any(_MARKUP.search(one) for one in _readings(text))


def _readings(text: str) -> Iterator[str]:
    yield text
    seen = unquote(html.unescape(plain(text).replace("< ", "<")))
    # A blank that the copy put behind "<" is no reader's; without it "pain < before" would be a tag.
    if "<" not in text and seen != text:
        yield seen
    yield re.sub(r"<\s?", "< ", folded(text))
