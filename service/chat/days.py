"""How a day is written in an answer."""

from datetime import date


def day_text(day: date) -> str:
    """Day first, as both languages write it in Israel."""
    return f"{day.day}.{day.month}.{day.year}"
