"""Where a note speaks of danger to somebody: found by rules, never by a model."""

from collections.abc import Mapping

from service.domain.risk import RiskSpan


def risk_spans(fields: Mapping[str, str]) -> tuple[RiskSpan, ...]:
    """The sentences of a note that speak of danger, once for each kind of it; offsets in code points of their field."""
    return ()
