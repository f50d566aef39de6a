"""What is made of lists is made before the first question."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from service import language
from service.language.lists import MADE, read_lists


def made_on_first_use() -> Iterator[Callable[[], Any]]:
    """Functions of this room that remember one thing, and need to be told nothing for it."""
    for module in pkgutil.iter_modules(language.__path__):
        room = import_module(f"service.language.{module.name}")
        for _, one in inspect.getmembers(room, lambda found: hasattr(found, "cache_info")):
            if one.__module__ == room.__name__ and not inspect.signature(one).parameters:
                yield one


def test_every_list_that_is_read_on_first_use_is_among_them() -> None:
    """A new one must be too, or the first question of each process waits for it."""
    assert set(made_on_first_use()) == set(MADE)
    assert len(MADE) == 6


def test_they_are_made_once() -> None:
    """Whoever asks next finds them."""
    read_lists()
    before = [made.cache_info().misses for made in MADE]
    read_lists()
    assert [made.cache_info().misses for made in MADE] == before
    assert all(made.cache_info().currsize == 1 for made in MADE)
