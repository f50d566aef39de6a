"""How deep a JSON text nests, told before anything parses it."""

import re

MAX_DEPTH = 16  # the deepest body of ours has 3 levels
_SIGNS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


def is_too_deep(raw: bytes) -> bool:
    """Linear in the text, strings skipped; a text that is no JSON is judged by its brackets, and parsing refuses it."""
    depth = 0
    for sign in _SIGNS.finditer(raw):
        first = raw[sign.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False
