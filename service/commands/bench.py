"""pazpaz-agent bench: what a part costs, beside a baseline measured in the same run."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

BACKLOGS = (500, 2000, 8000)
SIZES = "400,4000,20000"
VECTORS = "1000,10000,100000"
CONCURRENCY = "1,5,10,20,50"
app = typer.Typer(help="Measures what a part costs.")


@app.command()
def audit(
    appenders: Annotated[int, typer.Option(min=1, max=50, help="Writing at once.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.2, help="Of each of the rounds.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="Of each of the three ways.")] = 5,
) -> None:
    """Audit rows on one chain, on a chain each, and without a chain. DATABASE_URL as for `demo`."""
    from service.demo.bench_audit import run_bench

    asyncio.run(run_bench(appenders=appenders, seconds=seconds, rounds=rounds))


@app.command()
def chat(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("tests/data"),
    concurrency: Annotated[
        str, typer.Option(help="Questions at once, with commas between.")
    ] = CONCURRENCY,
    rounds: Annotated[int, typer.Option(min=1, help="Of each of the three, in turn.")] = 3,
    answers: Annotated[int, typer.Option(min=1, help="Of a round, at least.")] = 10,
    seconds: Annotated[float, typer.Option(min=0, help="The provider takes to write.")] = 2.0,
    embed_seconds: Annotated[float, typer.Option(min=0, help="It takes to embed.")] = 0.05,
    rerank_seconds: Annotated[float, typer.Option(min=0, help="It takes to rerank.")] = 0.1,
    think: Annotated[
        float, typer.Option(min=0, help="Seconds between two questions of one, in the mean.")
    ] = 0.2,
    streams: Annotated[int, typer.Option(min=0, help="Open at once, looked through.")] = 50,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="The growth, a PNG.")] = None,
) -> None:
    """What an answer costs beside its provider's time, as JSON and as events: asked directly and by way of PazPaz; and
    a bare service that does no more than call the provider.
    """
    from service.commands.signals import interruptible
    from service.demo.bench_chat.run import Plan, run_bench
    from service.demo.provider_stub import Pace
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    plan = Plan(_counts(concurrency, "--concurrency"), rounds, answers, think, streams)
    pace = Pace(chat=seconds, embed=embed_seconds, rerank=rerank_seconds)
    interruptible(run_bench(data, plan=plan, pace=pace, save=json, plot=plot))


@app.command()
def confirm(
    answers: Annotated[int, typer.Option(min=1, help="Of each of the four kinds.")] = 20,
    seconds: Annotated[float, typer.Option(min=0, help="The provider takes to write.")] = 1.5,
    entail_seconds: Annotated[float, typer.Option(min=0, help="It takes to confirm.")] = 0.3,
) -> None:
    """When sentences are shown and an answer ends, with a model that confirms them and without."""
    from service.commands.signals import interruptible
    from service.demo.bench_confirm import run_bench
    from service.demo.provider_stub import Pace
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    interruptible(run_bench(answers=answers, pace=Pace(chat=seconds, entail=entail_seconds)))


@app.command()
def ingest(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("tests/data"),
    backlog: Annotated[
        list[int] | None, typer.Option(min=1, help="Notes waiting; may be said again.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of events, and of one worker.")] = 5,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
) -> None:
    """Events accepted, vectors written beside a table with an index, one worker in two ways, and notes indexed by one
    worker and by two, as more of them wait.
    """
    from service.commands.signals import interruptible
    from service.demo.bench_ingest import run_bench
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    backlogs = sorted(set(backlog or BACKLOGS))
    interruptible(run_bench(data, backlogs=backlogs, rounds=rounds, save=json))


@app.command()
def load(
    minutes: Annotated[float, typer.Option(min=0.05, help="A soak is the same for longer.")] = 5.0,
    practices: Annotated[int, typer.Option(min=1)] = 12,
    therapists: Annotated[int, typer.Option(min=1, help="Of all practices.")] = 48,
    clients: Annotated[int, typer.Option(min=1, help="Of each practice.")] = 6,
    notes: Annotated[int, typer.Option(min=1, help="Of each client, at first.")] = 10,
    think: Annotated[
        float, typer.Option(min=0, help="Seconds between two questions of one, in the mean.")
    ] = 25.0,
    changes: Annotated[float, typer.Option(min=0, help="Of notes and clients, a minute.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, max=16)] = 2,
    apis: Annotated[int, typer.Option(min=1, max=8, help="Each behind a PazPaz.")] = 1,
    seed: Annotated[int, typer.Option(help="Of people, questions and changes.")] = 1,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draws them, PNG.")] = None,
) -> None:
    """Many therapists ask while notes change: what it takes by the minute, whether memory grows, and that nothing is
    lost. Exit 1 if anything was lost, leaked or wrong; Ctrl-C ends the load and still tells of it.
    """
    from service.commands.signals import interruptible
    from service.demo.bench_load.plan import Plan
    from service.demo.bench_load.run import run_bench
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    if therapists < practices:
        raise typer.BadParameter("every practice needs one", param_hint="--therapists")
    plan = Plan(minutes, practices, therapists, clients, notes, think, changes, workers, apis, seed)
    raise typer.Exit(interruptible(run_bench(plan, save=json, plot=plot)))


@app.command()
def question(
    sizes: Annotated[
        str, typer.Option(help="Notes of each workspace, with commas between.")
    ] = SIZES,
    questions: Annotated[int, typer.Option(min=20, help="Asked of each.")] = 250,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
) -> None:
    """What a question costs as a workspace grows, from query to ranked sessions, stage by stage."""
    from service.commands.signals import interruptible
    from service.demo.bench_question import run_bench
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    interruptible(run_bench(sizes=_counts(sizes, "--sizes"), questions=questions, save=json))


@app.command()
def web(
    data: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("tests/data"),
    rounds: Annotated[int, typer.Option(min=1, help="Of each layer, in turn.")] = 9,
    requests: Annotated[int, typer.Option(min=16, help="Of a round.")] = 320,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
) -> None:
    """What each layer of a request costs, from a bare callable to token, limit, one SQL and JSON."""
    from service.commands.signals import interruptible
    from service.demo.bench_web import run_bench
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    interruptible(run_bench(data, rounds=rounds, requests=requests, save=json))


@app.command()
def search(
    tenants: Annotated[int, typer.Option(min=0, help="Practices of log-normal sizes.")] = 1000,
    sizes: Annotated[
        str, typer.Option(help="Vectors of one more practice each, with commas between.")
    ] = VECTORS,
    questions: Annotated[int, typer.Option(min=2, help="Of each group of practices.")] = 60,
    keep: Annotated[
        Path | None, typer.Option(file_okay=False, help="Keeps the server's data for the next run.")
    ] = None,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draws them, PNG.")] = None,
) -> None:
    """The nearest chunks, ours and as people do it by default, in turn, with every ratio beside its bar.

    Sizes above 200,000 are of the growth curve only, in memory without a database: a million takes 5 GB.
    """
    from service.commands.signals import interruptible
    from service.demo.bench_search.run import MOST_KEPT, Plan, run_bench
    from service.demo.bench_search.tenants import Mix
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    counts = _counts(sizes, "--sizes")
    mix = Mix(tenants, [size for size in counts if size <= MOST_KEPT])
    plan = Plan(mix, questions, max(counts), keep)
    interruptible(run_bench(plan, save=json, plot=plot))


@app.command()
def cold_start(
    tenants: Annotated[
        int | None, typer.Option(min=0, help="Practices beside them; with --keep 1,000, else none.")
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="Vectors of each practice, with commas between.")
    ] = VECTORS,
    keep: Annotated[
        Path | None, typer.Option(file_okay=False, help="The folder of `bench search`.")
    ] = None,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draws them, PNG.")] = None,
) -> None:
    """The first answer of a practice that no memory holds, and of a process that has just started."""
    from service.commands.signals import interruptible
    from service.demo.bench_search.cold import run_cold
    from service.demo.bench_search.tenants import Mix
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    others = tenants if tenants is not None else 1000 if keep else 0
    mix = Mix(others, _counts(sizes, "--sizes"))
    interruptible(run_cold(mix, keep=keep, save=json, plot=plot))


def _counts(text: str, option: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise typer.BadParameter("must be whole numbers with commas between", param_hint=option)
    return counts
