"""Numbers and addresses that say who somebody is."""

import pytest

from service.language.identifiers import identifiers

AROUND = (
    "{}",
    "טל' {}, תודה",
    "call 5 {} and",
    "ל{}.",
    "ל-{}\n",
    "1.10.2026 {}",
    "({})",
    "\u2067{}\u2069",
    "3/4, {}!",
)


def found(text):
    return [text[one.start : one.end] for one in identifiers(text)]


def same(text):
    return [one.same for one in identifiers(text)]


def listed(script):
    return [one.strip() for one in script.strip().splitlines()]


@pytest.mark.parametrize(
    ("home", "writings"),
    [
        (
            "0521234567",
            """
            0521234567
            052-1234567
            052-123-4567
            052 123 4567
            052.123.4567
            (052) 123-4567
            052-12-34-567
            05-21-23-45-67
            0 5 2 1 2 3 4 5 6 7
            052\u200e-1234567
            052\u20111234567
            +972521234567
            +972-52-123-4567
            +972 52 123 4567
            +972 (0)52-1234567
            00972521234567
            972521234567
            972-52-1234567
            """,
        ),
        ("031234567", "03-1234567\n03/1234567\n(03) 123 4567\n+972-3-123-4567"),
        ("0771234567", "077-1234567\n+972 77 123 4567"),
        ("1800123456", "1-800-123456\n1-800-12-34-56\n1 800 123 456"),
        ("1700506070", "1-700-50-60-70"),
        ("5551234", "555-1234\n5551234"),
        ("15551234567", "+1 (555) 123-4567\n+15551234567\n0015551234567"),
        ("442079460958", "+44 20 7946 0958"),
    ],
)
def test_a_telephone_is_one_number_however_it_is_written(home, writings):
    """Alone, in a sentence of either language, behind a prefix, a date or another number."""
    for written in listed(writings):
        for around in AROUND:
            text = around.format(written)
            assert found(text) == [written], text
            assert same(text) == [home], text


@pytest.mark.parametrize(
    "written",
    listed(
        """
        123456782
        12345678-2
        12345678 2
        12345678 - 2
        12345678/2
        123 456 782
        12 345 678 2
        000000018
        123456789
        12345678
        4580 1234 5678 9012
        4580-1234-5678-9012
        12-345-678901
        12/345/678901
        123-45-678
        A1234567
        IL620108000000099999999
        dana.levi+x@example.co.il
        DANA@EXAMPLE.ORG
        f24983ae-cd3d-5b1a-98a5-70193427cfb7
        F24983AECD3D5B1A98A570193427CFB7
        """
    ),
)
def test_ids_accounts_and_addresses_are_found_whole(written):
    """Wherever they stand."""
    for around in AROUND:
        text = around.format(written)
        assert found(text) == [written], text


@pytest.mark.parametrize(
    "written",
    listed(
        """
        2026-10-01
        1.10.2026
        1. 10. 2026
        03/04/26
        01-10-2026
        2026/10/1
        2026-10-01T12:30:45
        1/10/2026-5/10/2026
        1.10.2026 - 15.10.2026
        1-15.10.2026
        1.10-5.10.2026
        10/2025-12/2026
        2019-2024
        2018 2019 2020
        12:30-13:45
        500,000 units
        1,000,000
        50,000-100,000
        5000000 units
        1500000 ש"ח
        $2500000
        1255-1500 mg
        1000-1500
        8000-10000 steps
        7/10
        100%
        120/80
        120/80-130/85
        120/80 - 130/85
        120/80/72
        12.50-13.75
        0.12345678
        3.14159265
        12-10-10-8
        100-120-140
        6 7 8 7 6 5 4
        10 15 20 25 30
        120 80 72 17
        02.03 120 80 72
        03-04-26 120/80
        PHQ-9 14, GAD-7 12
        L4-L5
        *2700
        """
    ),
)
def test_when_and_how_much_stay(written):
    """Dates, times, ranges, doses, scores, years and rows of measures."""
    for around in ("{}", "on {} and", "ב-{}.", "מ{}", "({})"):
        text = around.format(written)
        assert found(text) == [], text


def test_a_hebrew_prefix_is_no_part_of_an_address():
    """Nor are the stops and brackets around it; a Hebrew address is one too."""
    assert found("לdana@example.org.") == ["dana@example.org"]
    assert found("<dana@example.org>; דנה@דוגמה.קום") == ["dana@example.org", "דנה@דוגמה.קום"]


def test_what_touches_is_one():
    """Letters and digits that stick to a number, and two numbers that do; else pseudonyms would run together."""
    assert found("tel0521234567x 1") == ["tel0521234567x"]
    assert found("0521234567+972521234567") == ["0521234567+972521234567"]
    assert found("0521234567@chat") == ["0521234567@chat"]
    assert found("0521234567ב") == ["0521234567"]


def test_numbers_one_after_the_other_are_apart():
    """A list is no long number."""
    assert found("052-1234567, 03-1234567; 123456782 1,500,000") == [
        "052-1234567",
        "03-1234567",
        "123456782",
    ]
