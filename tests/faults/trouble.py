"""The trouble: two hands, one on the processes and one on the wires, until they are told to stop."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.house import LEASE_SECONDS, WORKERS, House
from tests.faults.http_proxy import Mood, deck
from tests.faults.tcp_proxy import Toxic

Deed = Callable[[House, random.Random], Awaitable[None]]


async def _kill_a_worker(house: House, chance: random.Random) -> None:
    house.kill(chance.choice(WORKERS))


async def _freeze_a_worker(house: House, chance: random.Random) -> None:
    """Longer than its lease, so that another has its notes when it goes on."""
    await house.freeze(chance.choice(WORKERS), LEASE_SECONDS * chance.uniform(1.1, 1.6))


async def _kill_the_api(house: House, chance: random.Random) -> None:
    house.kill("api")


async def _restart_postgres(house: House, chance: random.Random) -> None:
    await house.restart("postgres", signal.SIGQUIT)


async def _freeze_redis(house: House, chance: random.Random) -> None:
    await house.freeze("redis", chance.uniform(0.3, 1.0))


async def _restart_redis(house: House, chance: random.Random) -> None:
    await house.restart("redis", signal.SIGKILL)


PROCESSES: Sequence[Deed] = (
    _kill_a_worker,
    _kill_a_worker,
    _freeze_a_worker,
    _freeze_a_worker,
    _kill_the_api,
    _restart_postgres,
    _freeze_redis,
    _restart_redis,
)


def _toxic(link: str, toxic: Toxic) -> Deed:
    async def poisoned(house: House, chance: random.Random) -> None:
        house.links[link].toxic = toxic
        await asyncio.sleep(chance.uniform(0.3, 0.8))
        house.links[link].heal()
        house.tally[f"toxic {toxic.name}"] += 1

    return poisoned


def _cut(link: str) -> Deed:
    async def cut(house: House, chance: random.Random) -> None:
        house.links[link].cut()
        house.tally["connections cut"] += 1

    return cut


def _mood(mood: Mood) -> Deed:
    async def moody(house: House, chance: random.Random) -> None:
        """Until somebody has met it, if anybody asks at all."""
        before, house.pulls.mood = house.pulls.tally[mood], mood
        for _ in range(10):
            await asyncio.sleep(chance.uniform(0.1, 0.3))
            if house.pulls.tally[mood] > before:
                break
        house.pulls.mood = "well"

    return moody


WIRES: Sequence[Deed] = (
    _toxic("worker's postgres", Toxic("latency", 0.03)),
    _toxic("worker's postgres", Toxic("reset_peer", 0)),
    _toxic("api's postgres", Toxic("limit_data", 700)),
    _toxic("monolith", Toxic("timeout", 0.2)),
    _toxic("monolith", Toxic("limit_data", 900)),
    _toxic("redis", Toxic("slow_close", 0.2)),
    _cut("worker's postgres"),
    _cut("api's postgres"),
    _mood("error"),
    _mood("slow"),
    _mood("garbage"),
)


async def make_trouble(house: House, chance: random.Random, stop: asyncio.Event) -> None:
    """Until `stop`, and each kind at least once."""
    await asyncio.gather(
        _hand(house, random.Random(chance.random()), PROCESSES, stop),  # noqa: S311
        _hand(house, random.Random(chance.random()), WIRES, stop),  # noqa: S311
    )


async def _hand(
    house: House, chance: random.Random, deeds: Sequence[Deed], stop: asyncio.Event
) -> None:
    for number, deed in enumerate(deck(chance, deeds)):
        first = number < len(deeds)
        if stop.is_set() and not first:
            return
        # A part needs a second or two to come back: killed more often, it would never do anything to be lost.
        await asyncio.sleep(chance.uniform(0.2, 1.2) if first else chance.uniform(1, 4))
        await deed(house, chance)
