"""Links and markup, and the writing of clinicians that looks like them."""

from time import process_time

import pytest

from service.language.markup import has_markup


@pytest.mark.parametrize(
    "text",
    [
        "See https://evil.example/x now.",
        "See hxxps://evil.example now.",
        "See hxxps[:]//evil[.]example now.",
        "See http:/\u200b/evil.example now.",
        "See ｈｔｔｐｓ：／／ｅｖｉｌ．ｅｘａｍｐｌｅ now.",
        "See https%3A%2F%2Fevil.example now.",
        "See https&#58;&#47;&#47;evil.example now.",
        "See //evil.com/x now.",
        "See evil.com/x?d=notes now.",
        "See evil.com now.",
        "See EVIL.COM now.",
        "See sub.clinic.co.il now.",
        "See ev\u200bil.com now.",
        "See еvil.com now.",
        "See xn--vil-8pa.com now.",
        "See xn--80ak6aa92e now.",
        "See münchen.example now.",
        "ראו אתר.com לפרטים.",
        "ראו ב-evil.com לפרטים.",
        "See evil[.]com now.",
        "See evil(dot)com now.",
        "See evil dot com now.",
        "ראו evil נקודה com כעת.",
        "See 10.0.0.7/x now.",
        "See 10.0.0.7:8080/x now.",
        "See www.evil now.",
        "See www[.]evil now.",
        "[notes](x)",
        "[notes][1]",
        "[1]: evil.ly/x",
        "![](x)",
        "! [chart] (x)",
        "<https://evil.example>",
        "< img src=x onerror=alert(1) >",
        "&lt;img src=x&gt;",
        "%3Cscript%3E",
        "<IMG SRC=x>",
        "<svg/onload=x>",
        "[url=x]notes[/url]",
        "[[Notes]]",
        "```js",
        "|---|---|",
        "| date | pain |",
        "\\href{x}{y}",
        "url(x)",
        "\\\\host\\share\\notes",
        "javascript:alert(1)",
        "javascript&#58;alert(1)",
        "data:text/html;base64,AAAA",
        "data:,hello",
        "mailto:a@evil.example",
        "ftp://evil.example",
        "smb:evil",
        "\x1b[31mred",
        "{{notes}}",
    ],
)
def test_links_images_and_tags_are_seen_in_every_shape(text):
    """Written out, split, coded or drawn with the letters of another alphabet."""
    assert has_markup(text)


@pytest.mark.parametrize(
    "text",
    [
        "Disc at L4/5, a.m. and p.m., v.s. stable, e.g. walking, p.r.n., b.i.d.",
        "Seen by Dr.Cohen and Prof.Levi on 3.11.2026 at 9.30.",
        "Slept well.No pain.It helps.In bed at 23.00.So far fine.",
        "Pain 4/10,ROM 0-90/110, BP 120/80, SUDS 7/10, C5/C6, 3x10/day.",
        "Objective data: ROM 120, URL not known, tags none.",
        "ROM <90 degrees, HR >100, pain < before, p<0.05, <3 times.",
        "Homework [see plan] (daily), [L] 4/10 [R] 5/10.",
        "Suicidal intent: none; plan: none. File: complete.",
        "#1 goal: sleep. He/she, and/or, w/o, s/p, c/o, r/o.",
        "Email: dana@clinic.example for the exercises.",
        "Ratio 1:2; time 12:30; note: call back; tel: tomorrow.",
        "כאב 4/10, L4/5, ע.ר. בבוקר, ד.ש. למשפחה, טוב.לא כואב.",
        'נטל 0.5 מ"ג, לחץ דם 120/80, ב-3.11, ת.ז. נבדקה, ע"י ד"ר כהן.',
        "He said: ! and then [silence].",
        "Uses Node.js at work, U.S. visit, Ph.D. student, St. John's.",
        "Score went 12 -> 8 -> 5 | stable | no change",
        "## Plan",
        "Net result. Org chart at work; a dot on the map.",
    ],
)
def test_clinical_writing_is_no_markup(text):
    """Levels, initials, comparisons, scores and missing blanks behind full stops are how notes are written."""
    assert not has_markup(text)


@pytest.mark.parametrize("text", ["a." * 8_000, f"{'a' * 62}." * 250])
def test_a_long_row_of_labels_takes_no_long_time(text):
    """Whatever a model writes is looked at while others wait."""
    started = process_time()
    has_markup(text)
    assert process_time() - started < 1
