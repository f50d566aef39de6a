"""One word of three, and nothing else is a verdict."""

import pytest

from service.adapters.models.entailment import verdict_of
from service.errors import ModelUnavailable


@pytest.mark.parametrize("said", ["supported", " not_stated\n", '{"verdict": "contradicted"}'])
def test_a_verdict_is_read(said):
    """Alone, or as the only thing in the JSON."""
    assert verdict_of(said) in said


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Supported.",
        '{"verdict": "supported", "verdict": "contradicted"}',
        '{"verdict": ["supported"]}',
        '{"verdict": "supported"} yes',
        '{"verdict":' * 5_000,
    ],
)
def test_anything_else_is_garbage(said):
    """However it is made, the question it was asked for goes on by rules."""
    with pytest.raises(ModelUnavailable) as caught:
        verdict_of(said)
    assert caught.value.reason == "garbage"
