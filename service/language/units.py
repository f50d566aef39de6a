"""Units of measure and of time, by all their ways of writing."""

from service.language.text import normalise

# A unit's ways of writing, its own name first. What is no unit here ("14 points") does not distinguish amounts.
_UNIT_WORDS = """
% percent אחוז אחוזים
mg מ"ג מג milligram milligrams מיליגרם מיליגרמים
mcg µg ug מק"ג מיקרוגרם
g gr gram grams גרם גרמים
kg kilo kilos kilogram kilograms ק"ג קילו קילוגרם קילוגרמים
ml מ"ל
l liter litre liters litres ליטר
cc סמ"ק
iu יחידות יח'
mm millimetre millimetres millimeter millimeters מ"מ מילימטר מילימטרים
cm centimetre centimetres centimeter centimeters ס"מ סנטימטר סנטימטרים
m meter metre meters metres מטר מטרים
km ק"מ kilometers kilometres kilometer kilometre קילומטר קילומטרים
hz bpm mmhg
times time x פעמים פעם
set sets סט סטים
rep reps repetition repetitions חזרות
second sec secs seconds s שניות שנייה שניה
minute min mins minutes דקה דקות דק' דק
hour h hr hrs hours שעה שעות
day days יום ימים ימי
week wk wks weeks שבוע שבועות
month mo mos mth mths months חודש חודשים
year yr yrs years שנה שנים
shekel shekels nis ils ש"ח שקל שקלים ₪
dollar dollars $ דולר דולרים
"""
_UNITS = {
    normalise(way): line.split()[0]
    for line in _UNIT_WORDS.strip().splitlines()
    for way in line.split()
} | {one: one for one in ("hz", "bpm", "mmhg")}
DOSES = frozenset(["mg", "mcg", "g", "ml", "iu"])
"""Canonical units that drugs are given in."""


def unit_of(word: str) -> str:
    """The canonical unit a word in normal form names; empty if it names none."""
    return _UNITS.get(word, "")


def counted_unit(word: str) -> str:
    """The same of a word that a number counts, which may have its article: "שלושת השבועות"."""
    return unit_of(word) or (unit_of(word[1:]) if word[:1] == "ה" else "")
