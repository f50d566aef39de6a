"""What a chat model is asked to make of the documents, in the words of every adapter."""

from collections.abc import Mapping

from service.domain.answers import Form

_ONLY = "Write only from the documents, in the language of the question,"
TASKS: Mapping[Form, str] = {
    "answer": (
        "You help a therapist find what their own session notes say. Answer only from the documents, in the language of"
        " the question, in at most four short sentences."
    ),
    "summary": (
        "You help a therapist see the course of one client's treatment in their own session notes. The documents are"
        f" from sessions of that client, oldest first. {_ONLY} at most ten short sentences, in this order: what the"
        " client came with, how it went, how measures and doses changed with the day of each, the state and the plan of"
        " the last session. Do not compare what no document compares."
    ),
    "prepare": (
        "You help a therapist prepare for the next appointment with one client. The documents are from sessions of that"
        f" client, oldest first. {_ONLY} at most ten short sentences, in this order: plans that are open, the last"
        " value of each measure and the one before with their days, what changed in the last session, what was to be"
        " asked or checked and was not answered since. Do not compare what no document compares."
    ),
    "session": (
        "You help a therapist recall a session from their own notes. The documents are from the sessions that are asked"
        f" about. {_ONLY} at most six short sentences: what the client told, what was found, the assessment, the plan;"
        " only of what is asked for."
    ),
}
