"""Whose summary it is: every form but an answer is of one client."""

from collections.abc import Iterable
from dataclasses import replace

from service.domain.answers import Question
from service.domain.identity import ClientId, WorkspaceId
from service.errors import ClientNeeded
from service.language.topic import without_words
from service.retrieval.asked_for import SOMEBODY
from service.retrieval.people import People


async def client_named(
    texts: Iterable[str], *, people: People, workspace: WorkspaceId
) -> ClientId | None:
    """The one client whom the first of these texts names that names any for sure; of several, none is meant.

    Raises StoreUnavailable, KeyUnavailable, SealBroken.
    """
    for text in texts:
        named = await people.named(text, workspace=workspace)
        if named.sure:
            return next(iter(named.sure)) if len(named.sure) == 1 else None
    return None


async def confirmed(question: Question, *, people: People, workspace: WorkspaceId) -> Question:
    """The question in its form, or as one to answer, where words are left to look for or no one client is in scope.
    Then a time that nothing and nobody is left beside asks for its sessions: "whom did I meet this week".

    Raises ClientNeeded where the form was chosen, and not only read out of the words.
    """
    client = question.client or await client_named(
        [question.text], people=people, workspace=workspace
    )
    if question.mode != "ask":
        if client is None:
            raise ClientNeeded
        return question
    named = await people.named(question.text, workspace=workspace)
    left = without_words(question.topic, named.words_of(client))
    if client and not left:
        return question
    lists = (
        question.form == "session"
        and question.when is not None
        and not (left or named.maybe or SOMEBODY.search(question.text))
    )
    return replace(question, form="answer", intent="list" if lists else question.intent)
