"""A fake of the AI service for PazPaz's own tests: no model, no database, no socket."""

from pazpaz_ai_client.testing.answers import Citation
from pazpaz_ai_client.testing.fake import FakeAiService, NotProgrammed
from pazpaz_ai_client.testing.pulls import PullFailed, Pulls
from pazpaz_ai_client.testing.requests import Feedback, Question

__all__ = [
    "Citation",
    "FakeAiService",
    "Feedback",
    "NotProgrammed",
    "PullFailed",
    "Pulls",
    "Question",
]
