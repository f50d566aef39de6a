"""Where a statement gives a reason: what stands behind "because of" or "בגלל" is a fact by itself."""

import re

_BECAUSE = re.compile(
    r"\b(?:because|due\sto|owing\sto|as\sa\sresult\sof|on\saccount\sof|thanks\sto|caused\sby)\b"
    r"|(?<![א-ת])ו?(?:בגלל|כתוצאה|בשל|עקב|בעקבות|מפני|משום|הודות|בזכות|נוכח|לנוכח)(?![א-ת])",
    re.IGNORECASE,
)


def reason_at(text: str) -> int | None:
    """Where the last reason of a statement begins; None where it gives none."""
    found = [match.end() for match in _BECAUSE.finditer(text)]
    return found[-1] if found else None
