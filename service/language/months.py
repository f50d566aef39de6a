"""The months, by all their ways of writing."""

_WAYS = """
January Jan ינואר
February Feb פברואר
March Mar מרץ מרס מארס
April Apr אפריל
May מאי
June Jun יוני
July Jul יולי
August Aug אוגוסט
September Sept Sep ספטמבר
October Oct אוקטובר
November Nov נובמבר
December Dec דצמבר
"""
_ROWS = [line.split() for line in _WAYS.strip().splitlines()]
NUMBER_OF = {way.casefold(): number for number, ways in enumerate(_ROWS, 1) for way in ways}
"""From 1, of each way of writing in lower case."""
ENGLISH = tuple(ways[0] for ways in _ROWS)
HEBREW = tuple(next(way for way in ways if not way.isascii()) for ways in _ROWS)
