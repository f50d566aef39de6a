"""The command line: one line and an exit code, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service import cli
from service.commands.shared import dollars
from service.errors import BadSettings, SourceUnavailable, StoreUnavailable
from service.settings import Settings
from tests.unit.test_settings import GOOD


class Outcome:
    """What a person at a terminal gets."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def is_one_line(self) -> bool:
        return self.err.startswith("pazpaz-agent: ") and self.err.count("\n") == 1


@pytest.fixture
def run(capsys, monkeypatch):
    """Runs a command in this process, with no setting but those given."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("MIGRATION_DATABASE_URL", raising=False)

    def call(*words: str, **environment: str) -> Outcome:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["pazpaz-agent", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Outcome(int(caught.value.code or 0), *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nope",),
        ("serve", "--what"),
        ("serve", "extra"),
        ("load",),
        ("load", "/no/such/folder"),
        ("demo", "--port", "http"),
        ("demo", "--port", "0"),
        ("keys",),
        ("keys", "nope"),
        ("keys", "rotate"),
        ("keys", "rotate", "--folder", "x", "--data"),
        ("keys", "rotate", "--data", "--wrapping"),
        ("keys", "rotate", "--wrapping", "--workspace", "00000000-0000-0000-0000-000000000001"),
        ("keys", "rotate", "--data", "--workspace", "x"),
        ("keys", "show"),
        ("keys", "show", "--folder", "x", "--data"),
        ("keys", "retire", "ai-2026-11-a"),
        ("keys", "rotate", "--folder", "x", "--overlap", "soon"),
        ("eval", "retrieval"),
        ("eval", "retrieval", "--data", "tests/data"),
        ("eval", "retrieval", "--data", "/no/such/folder", "--out", "x"),
        ("eval", "abstention"),
        ("bench", "search", "--sizes", "many"),
        ("bench", "search", "--sizes", "0"),
        ("audit", "export"),
        ("audit", "export", "--workspace", "x"),
        ("audit", "prune", "--months", "23"),
        ("bench", "audit", "--appenders", "0"),
        ("switch", "budget"),
        ("spending", "--days", "61"),
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_line_and_exit_code_2(run, words):
    """A mistyped command is answered with what is wrong, and where help is."""
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.is_one_line
    assert outcome.err.endswith("; try --help\n")
    assert outcome.out == ""


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        ("serve", "DATABASE_URL"),
        ("worker", "MONOLITH_URL"),
        ("migrate", "MIGRATION_DATABASE_URL"),
    ],
)
def test_missing_settings_are_one_line_and_exit_code_2(run, command, variable):
    """The line names the variables."""
    outcome = run(command)
    assert (outcome.code, outcome.is_one_line) == (2, True)
    assert f"{variable}: Field required" in outcome.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "canary"),
        ("DATABASE_URL", "mysql://canary"),
        ("REDIS_URL", "canary"),
        ("ALLOWED_ROLES", "canary"),
        ("KEY_ENCRYPTION_KEY", "canary"),
        ("SIGNING_KEYS_DIR", "/no/such/folder"),
    ],
)
def test_a_bad_setting_is_one_line_that_does_not_show_it(run, name, value, monkeypatch):
    """Whether settings or keys are wrong, the start ends before anything is opened."""
    import structlog

    before = structlog.get_config()
    outcome = run("worker", **{**GOOD, name: value})
    structlog.configure(**before)
    assert (outcome.code, outcome.is_one_line) == (2, True)
    assert name in outcome.err
    assert "canary" not in outcome.err


def test_what_keeps_the_api_from_starting_is_told_as_the_worker_tells_it(run, monkeypatch):
    """The server in between knows only that the start failed."""
    monkeypatch.setattr(cli, "_sockets", lambda settings: [])
    outcome = run("serve", **{**GOOD, "SIGNING_KEYS_DIR": "/no/such/folder"})
    last = outcome.err.splitlines()[-1]
    assert (outcome.code, outcome.out) == (2, "")
    assert last.startswith("pazpaz-agent: SIGNING_KEYS_DIR: ")


@pytest.mark.parametrize("amount", ["much", "nan", "inf", "1000001", "0x1", "None", "1,5"])
def test_a_budget_that_is_no_amount_is_one_line_and_exit_code_2(run, amount):
    """Told before the database is asked for anything."""
    outcome = run("switch", "budget", amount, **GOOD)
    assert (outcome.code, outcome.is_one_line, outcome.out) == (2, True, "")
    assert "a budget is none, or from 0 to 1,000,000 US dollars" in outcome.err


@pytest.mark.parametrize(
    ("micros", "said"),
    [(0, "0.00"), (2_500_000, "2.50"), (34_500, "0.0345"), (1, "0.000001"), (10**8, "100.00")],
)
def test_money_is_told_to_the_last_digit(micros, said):
    """Cents at least, and whatever is below them."""
    assert dollars(micros) == said


@pytest.mark.parametrize("command", ["retrieval", "abstention"])
def test_bad_questions_are_one_line_and_exit_code_2(run, tmp_path, command):
    """Told before anything is started; the line is named, not quoted."""
    (tmp_path / "questions.jsonl").write_text('{"query": "zebra"}\n')
    out = tmp_path / "run.jsonl"
    outcome = run("eval", command, "--data", str(tmp_path), "--out", str(out))
    assert (outcome.code, outcome.is_one_line, outcome.out) == (2, True, "")
    assert outcome.err.endswith("questions.jsonl: line 1 is no question\n")
    assert not out.exists()


def test_a_child_process_behaves_the_same():
    """The installed command itself: exit code 2, one line on stderr, nothing on stdout."""
    command = Path(sys.executable).with_name("pazpaz-agent")
    clean = {"PATH": os.environ["PATH"]}
    done = subprocess.run([command, "worker"], capture_output=True, text=True, env=clean)
    assert (done.returncode, done.stdout) == (2, "")
    assert Outcome(2, "", done.stderr).is_one_line
    assert "Traceback" not in done.stderr


def test_the_command_line_starts_without_what_only_some_commands_need():
    """Help and bad usage are told at once: the libraries take two seconds to import, and are left to the commands."""
    heavy = (
        "numpy sqlalchemy asyncpg redis httpx aiohttp fastapi uvicorn pydantic cohere langgraph"
        " cryptography jwt structlog"
    )
    assert _imported("service.cli", heavy) == []


def test_a_worker_starts_without_the_graph_and_providers_it_may_not_have():
    """LangGraph takes a second and Cohere's SDK half of one: of a worker, only one with a key pays for the second."""
    parts = "service.chores, service.container, service.keeper, service.worker"
    assert (
        _imported(parts, "fastapi uvicorn cohere langgraph langchain_core matplotlib alembic") == []
    )


def _imported(module: str, names: str) -> list[str]:
    code = f"import sys, {module}; print(*sorted(set({names.split()}) & set(sys.modules)))"
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()


def test_help_is_no_error(run):
    """Who asks for help gets it on stdout."""
    outcome = run("--help")
    assert (outcome.code, outcome.err) == (0, "")
    for command in ("serve", "worker", "migrate", "demo", "load", "keys"):
        assert command in outcome.out


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadSettings("PORT: is taken"), 2, "pazpaz-agent: PORT: is taken\n"),
        (BadSettings("two\nlines"), 2, "pazpaz-agent: two lines\n"),
        (
            SourceUnavailable(),
            2,
            "pazpaz-agent: PazPaz cannot be reached, or its answer cannot be trusted.\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["settings", "two lines", "away", "interrupted"],
)
def test_an_error_is_told_by_its_public_title(run, monkeypatch, error, code, line):
    """What the service names is told in its words."""
    _raise_from_openapi(monkeypatch, error)
    outcome = run("openapi")
    assert (outcome.code, outcome.err, outcome.out) == (code, line, "")


def test_what_an_error_goes_back_to_is_named(run, monkeypatch):
    """A refused login is mended otherwise than a silent server; the server's own words may carry the address."""
    away = StoreUnavailable()
    away.__cause__ = OSError("postgresql://ai:zebra@db")
    away.__cause__.__cause__ = PermissionError("zebra")
    _raise_from_openapi(monkeypatch, away)
    assert run("openapi").err == "pazpaz-agent: The database cannot be reached (PermissionError).\n"


def test_of_what_failed_side_by_side_the_first_is_told(run, monkeypatch):
    """The group that tasks end with names nobody's fault."""
    _raise_from_openapi(
        monkeypatch, ExceptionGroup("", [ExceptionGroup("", [BadSettings("PORT: no")])])
    )
    outcome = run("openapi")
    assert (outcome.code, outcome.err) == (2, "pazpaz-agent: PORT: no\n")


def test_an_unforeseen_error_is_told_by_type_and_place_only(run, monkeypatch):
    """Its message may quote a note, and stderr is where logs are collected."""
    _raise_from_openapi(monkeypatch, ValueError("the patient said zebra"))
    outcome = run("openapi")
    assert (outcome.code, outcome.is_one_line) == (1, True)
    assert "ValueError at tests.unit.test_cli:" in outcome.err
    assert "zebra" not in outcome.err


def _raise_from_openapi(monkeypatch, error: BaseException) -> None:
    def fails():
        raise error

    monkeypatch.setattr("service.main.build_app", fails)


def test_the_openapi_document_is_json(run):
    """What clients are generated from is printed whole."""
    outcome = run("openapi")
    assert outcome.code == 0
    assert "/api/v1/ai/agent/chat" in json.loads(outcome.out)["paths"]


def test_keys_are_made_rotated_and_shown(run, tmp_path):
    """The lines say what happens when and what to hand over; no private half is printed."""
    folder = ("--folder", str(tmp_path / "keys"))
    made = run("keys", "rotate", *folder)
    rotated = run("keys", "rotate", *folder, "--switch-after", "1h", "--overlap", "2h")
    shown = run("keys", "show", *folder)

    assert [made.code, rotated.code, shown.code] == [0, 0, 0]
    names = [key["keyid"] for key in json.loads((tmp_path / "keys/keys.json").read_text())["keys"]]
    assert [name[:3] + name[-1] for name in names] == ["ai-a", "ai-b"]
    assert made.out.startswith(f"{names[0]} is made and signs from now on.\n")
    assert f"{names[0]} signs, from then on {names[1]}." in rotated.out
    assert "keys.json to the other side before the switch." in rotated.out
    assert [line.split()[:2] for line in shown.out.splitlines()] == [
        ["keyid", "state"],
        [names[0], "signing"],
        [names[1], "next"],
    ]
    assert "PRIVATE" not in made.out + rotated.out + shown.out


def test_a_key_can_be_retired_in_an_emergency(run, tmp_path):
    """The only key cannot; after a switch at once, the old one can."""
    folder = ("--folder", str(tmp_path))
    first = run("keys", "rotate", *folder, "--side", "ml").out.split()[0]
    refused = run("keys", "retire", first, *folder)
    assert (refused.code, refused.is_one_line, refused.out) == (2, True, "")

    second = run("keys", "rotate", *folder, "--now").out.split()[0]
    retired = run("keys", "retire", first, *folder)
    assert retired.code == 0
    assert retired.out.startswith(f"{first} is retired now; {second} signs.\n")


@pytest.mark.parametrize(
    "words",
    [
        ("rotate", "--overlap", "179s"),
        ("rotate", "--side", "xx"),
        ("retire", "ai-2026-01-a"),
        ("show",),
    ],
    ids=" ".join,
)
def test_what_keys_cannot_do_is_one_line(run, tmp_path, words):
    """A refusal leaves the folder as it was."""
    outcome = run("keys", *words, "--folder", str(tmp_path))
    assert (outcome.code, outcome.is_one_line, outcome.out) == (2, True, "")
    assert list(tmp_path.iterdir()) == []


def test_a_wrapping_key_is_fresh_each_time(run):
    """32 bytes, base64, as the setting wants them."""
    from service.security.keys import KeyEncryptionKey

    one, two = run("keys", "kek").out, run("keys", "kek").out
    assert one != two
    assert KeyEncryptionKey.from_base64(one).id != KeyEncryptionKey.from_base64(two).id
