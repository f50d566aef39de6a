"""pazpaz-agent bench: what a part costs, beside a baseline measured in the same run."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

BACKLOGS = (500, 2000, 8000)
SIZES = "400,4000,20000"
CONCURRENCY = "1,10,50"
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
    rounds: Annotated[int, typer.Option(min=1, help="Of each of the two, in turn.")] = 5,
    answers: Annotated[int, typer.Option(min=1, help="Of a round, at least.")] = 10,
    seconds: Annotated[float, typer.Option(min=0, help="The provider takes to write.")] = 1.5,
    embed_seconds: Annotated[float, typer.Option(min=0, help="It takes to embed.")] = 0.05,
    rerank_seconds: Annotated[float, typer.Option(min=0, help="It takes to rerank.")] = 0.1,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
) -> None:
    """What an answer costs beside its provider's time, as JSON and as events, and a bare service that does no more
    than call the provider.
    """
    from service.commands.signals import interruptible
    from service.demo.bench_chat.run import Plan, run_bench
    from service.demo.provider_stub import Pace
    from service.telemetry.logs import configure_logs

    configure_logs("error")
    plan = Plan(_counts(concurrency, "--concurrency"), rounds, answers)
    pace = Pace(chat=seconds, embed=embed_seconds, rerank=rerank_seconds)
    interruptible(run_bench(data, plan=plan, pace=pace, save=json))


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
def search(
    sizes: Annotated[
        str, typer.Option(help="Notes of each workspace, with commas between.")
    ] = SIZES,
    questions: Annotated[int, typer.Option(min=20, help="Asked of each.")] = 250,
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Keeps all figures.")] = None,
) -> None:
    """What a question costs as a workspace grows, from query to ranked sessions, stage by stage."""
    from service.commands.signals import interruptible
    from service.demo.bench_search import run_bench
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


def _counts(text: str, option: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise typer.BadParameter("must be whole numbers with commas between", param_hint=option)
    return counts
