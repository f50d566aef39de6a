"""What an answer says of notes in the language that was not asked in, which the search could hardly read."""

from service.domain.answers import Language, SearchStatement


def not_crossed(search: SearchStatement, language: Language) -> str:
    """How many of the notes that is, in the asker's language; empty where it is none."""
    if not search.other_language:
        return ""
    of = search.notes_read if search.notes_total is None else search.notes_total
    told = _hebrew if language == "he" else _english
    return told(search.other_language, of)


def _english(count: int, of: int) -> str:
    are = "is" if count == 1 else "are"
    which = f"{_notes_en(count, of)} {are} in Hebrew"
    return f"{which}, where this search knows only names, numbers and common terms."


def _notes_en(count: int, of: int) -> str:
    if count < of:
        return f"{count:,} of the {of:,} notes"
    return {1: "The note", 2: "Both notes"}.get(of, f"All {of:,} notes")


def _hebrew(count: int, of: int) -> str:
    there = "ובו" if count == 1 else "ובהם"
    which = f"{_notes_he(count, of)} באנגלית"
    return f"{which}, {there} החיפוש מכיר רק שמות, מספרים ומונחים נפוצים."


def _notes_he(count: int, of: int) -> str:
    if count == of:
        return {1: "הסיכום", 2: "שני הסיכומים"}.get(of, f"כל {of:,} הסיכומים")
    some = {1: "אחד", 2: "שניים"}.get(count, f"{count:,}")
    return f"{some} מתוך {'שני' if of == 2 else f'{of:,}'} הסיכומים"
