"""`python -m service.demo.provider_stub`: prints its URL and serves until SIGTERM, keeping nothing it was asked."""

from pathlib import Path
from typing import Annotated

import typer

from service.commands.signals import interruptible
from service.demo.provider_stub import KEY, Pace, provider_stub, quoting
from service.demo.provider_stub.journal import journal_in
from service.demo.provider_stub.wire import forever

Seconds = typer.Option(min=0, help="That an answer takes in all.")


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 0,
    seconds: Annotated[float, Seconds] = 0.0,
    embed_seconds: Annotated[float, Seconds] = 0.0,
    rerank_seconds: Annotated[float, Seconds] = 0.0,
    entail_seconds: Annotated[float, Seconds] = 0.0,
    key: Annotated[str, typer.Option(help="That callers must have.")] = KEY,
    quotes: Annotated[
        int, typer.Option(min=0, help="Sentences of an answer, a word an event; 0: short ones.")
    ] = 0,
    journal: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Gets a line of what each answer took.")
    ] = None,
    mark: Annotated[
        str, typer.Option(help="A pattern; what it finds in a request names its line.")
    ] = "",
) -> None:
    """A provider of models whose answers take a fixed time; `--seconds` is that of a chat."""
    pace = Pace(chat=seconds, embed=embed_seconds, rerank=rerank_seconds, entail=entail_seconds)
    interruptible(_serve(port, pace, key, quotes, journal, mark))


async def _serve(
    port: int, pace: Pace, key: str, quotes: int, path: Path | None, mark: str
) -> None:
    with journal_in(path, mark) as journal:
        serving = provider_stub(port=port, pace=pace, key=key, keeps_calls=False, journal=journal)
        async with serving as stub:
            if quotes:
                stub.writer = quoting(quotes)
            typer.echo(stub.url)
            try:
                await forever()
            finally:
                stub.check()  # else a process that is told to end would keep it to itself


if __name__ == "__main__":
    typer.run(main)
