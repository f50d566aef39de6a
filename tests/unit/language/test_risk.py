"""What notes say of danger is found, whole sentences of it, with what the note says of it."""

from service.language.risk import risk_spans


def test_a_span_is_the_whole_sentence_in_code_points():
    text = "ישנה היטב. 😀 שוללת אובדנות, אך חותכת את עצמה שוב! הבית שקט."
    spans = risk_spans({"subjective": "Slept well.", "assessment": text})
    assert [(one.kind, one.polarity, one.field) for one in spans] == [
        ("suicide", "denied", "assessment"),
        ("self_harm", "present", "assessment"),
    ]
    for one in spans:
        assert text[one.start : one.end] == "😀 שוללת אובדנות, אך חותכת את עצמה שוב!"
