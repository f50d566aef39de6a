"""What a process remembers between requests: each memory has a wall, a bound and somebody who empties it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import service

HOUSE = Path(service.__file__).parent
MEMORIES = (
    "dict[",
    "OrderedDict[",
    "WeakValueDictionary[",
    "Counter[",
    "deque[",
    "set[",
    "Mapping[",
    "list[",
)
KNOWN = {
    # place: whose it is · its bound · what drops it
    "adapters/pazpaz/jwks.py:_keys": "nobody's: PazPaz's public keys · 20 · the next reading",
    "adapters/postgres/index_states.py:_asked": "by workspace; who waits · questions under way · the next statement",
    "adapters/key_store.py:_open": "by workspace · 1,000 and 5 minutes · drop() on erasure and on a missing row",
    "adapters/limits/rate_limiter.py:_local": "by workspace or user in the key · 10,000 · time",
    "adapters/limits/standings.py:_rows": "by workspace in the key; switches only · the table · the next reading, 1 s",
    "adapters/limits/standings.py:_seen": "nobody's: ids of events · two minutes of them · the next reading",
    "ports/keys.py:older": "by workspace: one's earlier keys · its living epochs · the key store's memory they are in",
    "api/bulkhead.py:_inside": "by workspace; counts only · questions under way · their end",
    "retrieval/held.py:_open": "by workspace: bags, names, vectors · 64, 1,000; 256, 32, 64, 512 MiB · another epoch; "
    "drop() on erasure",
    "retrieval/dense.py:_loading": "by workspace; tasks only · who is asked about · their end; drop() on erasure",
    "retrieval/dense.py:_too_large": "by workspace; a model and a moment · those with more vectors than fit · "
    "drop() on erasure",
    "vectors/columns.py:clients": "by workspace, in held.py's memory · its clients' ids · as there",
    "vectors/columns.py:fields": "by workspace, in held.py's memory · names of fields · as there",
    "language/client_names.py:_rules": "by workspace, in held.py's memory · its clients' names · as there",
    "language/client_names.py:_beside": "by workspace, in held.py's memory · its clients' names · as there",
    "language/spellings.py:_by_sound": "by workspace, in held.py's memory · its clients' names · as there",
    "language/pseudonyms.py:_given": "one question's · what was hidden of it",
    "language/pseudonyms.py:_written": "one question's · what was hidden of it",
    "language/pseudonyms.py:_read": "one question's texts · those a model was given",
    "retrieval/held.py:_building": "by workspace; locks only · who waits · their end",
    "security/principals.py:_confirmed": "by user, workspace and login · 10,000 and 75 s · drop() by events",
    "security/chain.py:_points": "one chain's, for one command · its checkpoints · the command's end",
    "language/terms.py:kinds": "nobody's: two files of ours, in all of these · the files · the process's end",
    "language/terms.py:opposites": "as there",
    "language/terms.py:broader": "as there",
    "language/terms.py:by_first": "as there",
    "language/terms.py:forms": "as there",
    "language/terms.py:stems": "as there",
    "language/terms.py:tenses": "as there",
    # of one request or one command, never kept
    "chat/synthesize.py:citations": "one answer's",
    "adapters/models/breaker.py:_failed": "nobody's: whether a provider's last calls failed · 20 · time",
    "adapters/models/provider.py:prices": "nobody's: a provider's price list · its models · the process's end",
    "chat/citing.py:citations": "one answer's",
    "chat/filter.py:_said": "one answer's",
    "chat/grounding/evidence.py:_read": "one answer's passages",
    "domain/usage.py:by_model": "one question's or one batch's counts, by model · their end",
    "domain/usage.py:owed": "one question's, by part · its end",
    "domain/usage.py:away": "one question's, by part · its end",
    "domain/audit.py:uses": "one question's trail",
    "domain/audit.py:notes": "one question's · the notes it read · its end",
    "domain/audit.py:details": "one row's",
    "domain/turns.py:texts": "one sentence's digests · the fields it leans on",
    "commands/reconcile.py:found": "one command's differences: ids only",
    "commands/audit_verify.py:rows": "one command's counts",
    "retrieval/people.py:words": "one question's, by client · the names it says",
    "retrieval/postings.py:_notes": "one workspace's, while its bags are turned around",
    "retrieval/postings.py:_segments": "as there",
    "evaluation/pulled_once.py:_sessions": "one evaluation's notes, of a folder of test notes · the command's end",
    "evaluation/pulled_once.py:_clients": "one evaluation's · the command's end",
    "evaluation/pulled_once.py:_unreadable": "one evaluation's; ids only · the command's end",
    "evaluation/asker.py:_memories": "by workspace: one evaluation's · the command's end",
    "evaluation/asker.py:_days": "by workspace; days only · one evaluation's · the command's end",
    "evaluation/asker.py:arms": "one question's; ids only",
    "ports/index.py:texts": "one note's, while it is indexed; digests only",
    "worker.py:stranded": "leases in hand: ids only · one batch · the next round",
}


def _memories() -> Iterator[str]:
    """Fields and attributes that begin empty and grow: `x: dict[...] = field(default_factory=...)`, `self.x: ... =`."""
    for path in sorted(HOUSE.rglob("*.py")):
        if path.is_relative_to(HOUSE / "demo"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.AnnAssign) or not _grows(node):
                continue
            if any(kind in ast.unparse(node.annotation) for kind in MEMORIES):
                yield f"{path.relative_to(HOUSE).as_posix()}:{_name(node.target)}"


def _grows(node: ast.AnnAssign) -> bool:
    on_self = isinstance(node.target, ast.Attribute)
    made = node.value is not None and ast.unparse(node.value).startswith(
        ("field(", "dataclasses.field(")
    )
    return on_self or made


def _name(target: ast.expr) -> str:
    return target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)


def test_every_memory_is_known() -> None:
    """A new cache must say here whose it is, how large it gets and what empties it."""
    assert set(_memories()) == set(KNOWN)


def test_no_function_remembers_by_itself() -> None:
    """No functools.cache over anything that a practice said: a decorator's memory has no wall and no end."""
    for path in HOUSE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        functions = [
            n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        for function in functions:
            decorators = {ast.unparse(one).partition("(")[0] for one in function.decorator_list}
            remembering = decorators & {
                "cache",
                "lru_cache",
                "functools.cache",
                "functools.lru_cache",
            }
            where = f"{path.relative_to(HOUSE).as_posix()}:{function.name}"
            assert not remembering or where in PURE, where


PURE = {
    "language/text.py:normalise",
    "language/features.py:stem",
    "language/features.py:sounds",
    "language/features.py:features_of_word",
    "language/hebrew.py:stem_hebrew",
    "language/hebrew.py:readings",
    "language/hebrew.py:sure_readings",
    "language/terms.py:keys",
    "language/statements.py:forms_of",
    "language/statements.py:is_silent",
    "language/risk_words.py:spelled_rightly",
    "chat/suggestions.py:_topic",  # of a list of ours
    "language/risk_words.py:_sieve",  # of one file of ours
    "language/risk_words.py:compiled",
    "language/lexicon.py:_lexicon",  # one file of ours, and nobody's words
    "language/terms.py:_terms",  # two files of ours
    "language/subjects.py:_others",  # of those files
    "language/subjects.py:_mutual",
}
"""Pure functions of a word or less, whose memory may be anybody's."""


def test_one_file_opens_connections() -> None:
    """`tenant_tx` and `system_tx` are the only ways to a connection: nobody else touches an engine."""
    for path in HOUSE.rglob("*.py"):
        if path == HOUSE / "adapters" / "postgres" / "database.py" or path.is_relative_to(
            HOUSE / "demo"
        ):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"engine", "create_async_engine"}, path
                assert ast.unparse(node) not in {"asyncpg.connect", "asyncpg.create_pool"}, path
