"""pazpaz-agent: the third door, for operators and developers."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.commands.audit import app as audit_app
from service.commands.backfill import backfill
from service.commands.bench import app as bench_app
from service.commands.dead_letters import app as dead_letters_app
from service.commands.erase import app as erase_app
from service.commands.feedback import app as feedback_app
from service.commands.keys import keys_app
from service.commands.migrate import migrate
from service.commands.reconcile import reconcile
from service.commands.reindex import app as reindex_app
from service.commands.serving import server_config
from service.commands.signals import interruptible, stop_on_signals
from service.commands.spending import spending
from service.commands.switch import app as switch_app
from service.errors import BadSettings, ServiceError, why

app = typer.Typer(
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
eval_app = typer.Typer(help="Measures quality on a set of questions.")
app.add_typer(eval_app, name="eval")
app.add_typer(keys_app, name="keys")
app.add_typer(switch_app, name="switch")
app.add_typer(audit_app, name="audit")
app.add_typer(bench_app, name="bench")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(erase_app, name="erase")
app.add_typer(feedback_app, name="feedback")
app.add_typer(reindex_app, name="reindex")
app.command()(migrate)
app.command()(reconcile)
app.command()(backfill)
app.command()(spending)

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]


@app.callback()
def _top() -> None:
    """The AI service beside PazPaz."""


@app.command()
def serve() -> None:
    """Serves the API until SIGTERM."""
    from service.commands.draining import DrainingServer
    from service.main import create_app, leaving, why_not_started
    from service.settings import Settings, load
    from service.telemetry.logs import configure_logs
    from service.telemetry.traces import open_traces

    settings = load(Settings)
    configure_logs(settings.log_level)
    served = create_app(settings)
    server = DrainingServer(
        server_config(served, settings),
        seconds=settings.drain_seconds,
        on_drain=lambda: leaving(served),
    )
    try:
        with open_traces(settings.traces, part="api"):
            server.run(sockets=_sockets(settings))
    except SystemExit:
        if error := why_not_started(served):
            raise error from None
        raise


def _sockets(settings: Any) -> Any:
    """One listening socket a port; the app tells them apart by the port a request came in at."""
    import socket

    ports = [settings.port] + ([settings.internal_port] if settings.internal_port else [])
    try:
        return [socket.create_server((settings.host, port), backlog=2048) for port in ports]
    except OSError as exc:
        raise BadSettings(f"HOST, PORT: cannot listen ({exc.strerror})") from None


@app.command()
def worker() -> None:
    """Keeps the index equal to the source until SIGTERM."""
    from service.settings import Settings, load
    from service.telemetry.logs import configure_logs
    from service.telemetry.traces import open_traces

    settings = load(Settings)
    configure_logs(settings.log_level)
    with open_traces(settings.traces, part="worker"):
        asyncio.run(_work(settings))


async def _work(settings: Any) -> None:
    from service.chores import clockwork_of, keep_gauges
    from service.container import open_container
    from service.keeper import keeper_of
    from service.pulse import Pulse
    from service.telemetry.logs import tell_started, tell_stopped
    from service.worker import Worker

    async with open_container(settings) as container:
        stop = stop_on_signals()
        await container.check_start("pazpaz_ai_worker")
        await container.warn_of_vectors_elsewhere()
        pulse = Pulse()
        beating = asyncio.create_task(pulse.beat())
        if settings.worker_port is not None:
            _serve_page(settings, pulse)
        tell_started("worker", provider=settings.model_provider, vectors=settings.vectors)
        async with asyncio.TaskGroup() as loops:
            renew = container.settings.lease_seconds / 3
            worker = Worker(container.queue, container.indexer, renew, on_turn=pulse.turned)
            loops.create_task(worker.run(stop))
            loops.create_task(keeper_of(container).run(stop))
            loops.create_task(clockwork_of(container).run(stop))
            if settings.worker_port is not None:
                loops.create_task(keep_gauges(container, stop))
        beating.cancel()
    tell_stopped("worker")


def _serve_page(settings: Any, pulse: Any) -> None:
    """A worker's own counters, and whether it still works. In a thread that ends with us."""
    from prometheus_client import start_http_server

    try:
        server, _ = start_http_server(settings.worker_port, addr=settings.host)
        server.set_app(pulse.page(server.get_app()))
    except OSError as exc:
        raise BadSettings(f"HOST, WORKER_PORT: cannot listen ({exc.strerror})") from None


@app.command()
def demo(
    check: Annotated[bool, typer.Option("--check", help="Ask, compare, and exit.")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the chat page.")] = 8800,
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("tests/data"),
) -> None:
    """Starts everything on this machine with invented notes, and a chat page."""
    from service.demo.run import run_demo

    _quiet_logs()
    raise typer.Exit(interruptible(run_demo(data, port=port, check=check)))


@app.command("load")
def load_notes(folder: Folder) -> None:
    """Puts the notes of a folder through the whole journey, and keeps the result for `eval`."""
    from service.demo.run import run_load

    _quiet_logs()
    interruptible(run_load(folder))


@eval_app.command("retrieval")
def eval_retrieval(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    out: Annotated[Path, typer.Option(dir_okay=False)],
    compare: Annotated[Path | None, typer.Option(dir_okay=False, help="An older run.")] = None,
    ablation: Annotated[bool, typer.Option(help="Each arm of search by itself too.")] = True,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Questions at once.")] = 4,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on with a cut-off run.")
    ] = False,
) -> None:
    """Asks a folder's questions of what `load` loaded; prints how well sessions are found."""
    from service.demo.evaluate import How, run_retrieval

    _quiet_logs()
    how = How(arms=ablation, workers=workers, fresh=fresh)
    raise typer.Exit(interruptible(run_retrieval(data, out, how=how, compare=compare)))


@eval_app.command("abstention")
def eval_abstention(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    out: Annotated[Path | None, typer.Option(dir_okay=False)] = None,
    run: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A run that was made; nothing is asked.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Questions at once.")] = 4,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Do not go on with a cut-off run.")
    ] = False,
) -> None:
    """What would be answered and what refused at each threshold of the confidence, by language."""
    from service.demo.evaluate import How, run_abstention

    _quiet_logs()
    interruptible(run_abstention(data, out, how=How(workers=workers, fresh=fresh), run=run))


@eval_app.command("curves")
def eval_curves(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    run: Annotated[Path, typer.Option(dir_okay=False, help="A run by the local reranker.")],
) -> None:
    """What a likeness is worth: fits the similarity of the local reranker to a run."""
    from service.demo.evaluate import run_curves

    _quiet_logs()
    interruptible(run_curves(data, run))


@eval_app.command("trust")
def eval_trust(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("tests/data/trust"),
    extractive: Annotated[
        bool, typer.Option("--extractive", help="The folder is a practice: its own sentences.")
    ] = False,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="The kinds of mutants kept for a closing run.")
    ] = False,
    listed: Annotated[
        bool, typer.Option("--list", help="Print what was judged wrongly: quotes notes.")
    ] = False,
    half: Annotated[
        Literal["tuning", "closing"] | None,
        typer.Option(help="Of the clients: rules are fitted on the first."),
    ] = None,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="As if a model said yes to all that rules ask it.")
    ] = False,
    seed: int = 1,
) -> None:
    """Whether true sentences pass the gate and false ones do not; exit 1 where a bar is missed."""
    from service.demo.trust.run import What, run_trust

    _quiet_logs()
    what = What(held_out, extractive, listed, seed, half, confirmed)
    raise typer.Exit(interruptible(run_trust(data, what)))


@eval_app.command("injection")
def eval_injection(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path(
        "tests/data/injection"
    ),
    listed: Annotated[bool, typer.Option("--list", help="Print what went wrong.")] = False,
) -> None:
    """Whether orders in notes and questions are data: exit 1 where a model that obeys them gets through."""
    from service.demo.trust.injection_run import run_injection

    _quiet_logs()
    raise typer.Exit(interruptible(run_injection(data, listed=listed)))


@app.command()
def beside(
    monolith_url: Annotated[str, typer.Argument(help="As http://127.0.0.1:8000.")],
    port: Annotated[
        int, typer.Option(help="/api; the next one /internal.", min=1, max=65534)
    ] = 8810,
) -> None:
    """Runs the service beside a PazPaz on this machine; keeps its index and keys."""
    from service.demo.beside import run_beside

    _quiet_logs()
    interruptible(run_beside(monolith_url, port=port))


@app.command()
def openapi() -> None:
    """Prints the OpenAPI document."""
    import json

    from service.main import build_app

    typer.echo(json.dumps(build_app().openapi(), ensure_ascii=False, indent=2, sort_keys=True))


def _quiet_logs() -> None:
    from service.telemetry.logs import configure_logs

    configure_logs("error")


def main() -> None:
    """Runs a command. A person sees one line and an exit code, never a traceback."""
    try:
        with _alone():
            code = app(standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except typer.TyperException as exc:
        code = _complain(f"{exc.format_message().rstrip('.')}; try --help")
    except ServiceError as exc:
        code = _complain(_told(exc))
    except Exception as exc:  # a traceback ends in the error's message, which may quote a note
        from service.telemetry.logs import place

        code = _complain(f"{type(exc).__name__} at {place(exc)}", code=1)
    sys.exit(code or 0)


@contextmanager
def _alone() -> Iterator[None]:
    """Of what failed side by side the first, which the rest ended with: a group has no message of its own."""
    try:
        yield
    except ExceptionGroup as group:
        first: Exception = group
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        raise first from None


def _told(error: ServiceError) -> str:
    """What went wrong, and by the name of its cause why: a refused login is mended otherwise than a silent server."""
    if isinstance(error, BadSettings):
        return str(error)
    title = type(error).__doc__ or error.code
    return f"{title.rstrip('.')} ({why(error)})." if error.__cause__ else title


def _complain(message: str, *, code: int = 2) -> int:
    typer.echo(f"pazpaz-agent: {' '.join(message.split())}", err=True)
    return code


if __name__ == "__main__":
    main()
