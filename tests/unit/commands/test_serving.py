"""How the service is served."""

import pytest

from service.commands.serving import server_config
from service.settings import Settings


@pytest.mark.parametrize(("seconds", "waits"), [(5, 7), (45, 47), (52.5, 55)])
def test_a_question_in_hand_has_all_its_seconds(seconds, waits):
    """Told to stop, the server waits for as long as a question may take, and a little for its last words."""
    settings = Settings.model_construct(question_seconds=seconds)
    assert server_config(None, settings).timeout_graceful_shutdown == waits
