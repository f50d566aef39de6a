"""Reads the examples beside it, and holds what was sent or got against their shapes; the README says how."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILES = ("chat", "stream", "history", "events", "internal")

Values = Mapping[str, str]
Exchange = dict[str, Any]


@cache
def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return read


VALUES: Values = _read("common")["values"]
SHAPES: Mapping[str, Any] = _read("common")["shapes"]


def exchanges(file: str, **values: str) -> dict[str, Exchange]:
    """A file's exchanges by name, with these values in place of the examples' own."""
    filled: dict[str, Any] = fill(_read(file), {**VALUES, **values})
    return {one["name"]: one for one in filled["exchanges"]}


def fill(part: Any, values: Values) -> Any:
    """The same with each `{name}` replaced by its value."""
    if isinstance(part, dict):
        return {key: fill(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [fill(item, values) for item in part]
    if isinstance(part, str):
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], part)
    return part


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
KINDS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str) and value != "",
    "text": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _number,
    "share": lambda value: _number(value) and 0 <= value <= 1,
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "uuid": _text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date": _text(_DAY),
    "instant": _text(rf"{_DAY}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,6}})?Z"),
    "seconds": _text(r"[1-9]\d*"),
    "object": lambda value: isinstance(value, dict),
    "any": lambda value: True,
}


def faults(shape: Any, value: Any, at: str = "$") -> Iterator[str]:
    """What is wrong with a value, and where; nothing where it matches."""
    if isinstance(shape, dict):
        yield from _object_faults(shape, value, at)
    elif isinstance(shape, list):
        yield from _list_faults(shape, value, at)
    elif isinstance(shape, str) and shape.startswith("#"):
        yield from faults(SHAPES[shape[1:]], value, at)
    elif isinstance(shape, str) and shape.startswith("$"):
        if not any(KINDS[kind](value) for kind in shape[1:].split("|")):
            yield f"{at}: not {shape[1:]}: {value!r}"
    elif type(shape) is not type(value) or shape != value:
        yield f"{at}: not {shape!r}: {value!r}"


def _object_faults(shape: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
    if "$all_of" in shape:
        for one in shape["$all_of"]:
            yield from faults(one, value, at)
    elif "$one_of" in shape:
        tried = [list(faults(one, value, at)) for one in shape["$one_of"]]
        if all(tried):
            yield f"{at}: none of these: {tried}"
    elif not isinstance(value, dict):
        yield f"{at}: no object: {value!r}"
    else:
        yield from _member_faults(shape, value, at)


def _member_faults(shape: Mapping[str, Any], value: Mapping[str, Any], at: str) -> Iterator[str]:
    for name, one in shape.items():
        known = name.removesuffix("?")
        if known in value:
            yield from faults(one, value[known], f"{at}.{known}")
        elif known == name:
            yield f"{at}.{name}: missing"


def _list_faults(shape: list[Any], value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: no list: {value!r}"
        return
    each = shape * len(value) if len(shape) == 1 and value else shape
    if len(each) != len(value):
        yield f"{at}: {len(value)} items, not {len(shape) or 'any'}"
    for place, (one, item) in enumerate(zip(each, value, strict=False)):
        yield from faults(one, item, f"{at}[{place}]")


def check(shape: Any, value: Any) -> None:
    """Raises AssertionError naming each fault."""
    found = list(faults(shape, value))
    assert not found, "\n".join(found)


def check_headers(shape: Mapping[str, str], headers: Mapping[str, str]) -> None:
    """Raises AssertionError for a header that is missing or says something else."""
    got = {name.lower(): value for name, value in headers.items()}
    if "content-type" in got:
        got["content-type"] = got["content-type"].partition(";")[0].strip()
    check({name.lower(): one for name, one in shape.items()}, got)


def check_response(exchange: Exchange, response: Any) -> None:
    """Holds an answer, as httpx has it, against the promised one."""
    promised = exchange["response"]
    assert response.status_code == promised["status"], response.text
    check_headers(promised["headers"], response.headers)
    if "events" in promised:
        check_events(exchange, events_in(response.text))
    elif "shape" in promised:
        check(promised["shape"], response.json())
    else:
        assert response.content == b""


def check_events(exchange: Exchange, events: list[tuple[str, Any]]) -> None:
    """Holds a stream's events against the promised order and data."""
    promised = exchange["response"]
    order = "".join(f"{name} " for name, _ in events)
    assert re.fullmatch(promised["order"], order), order
    for name, data in events:
        check(promised["data"][name], data)
    if events[-1][0] == "done":
        texts = [data["text"] for name, data in events if name == "token"]
        cited = [data for name, data in events if name == "citation"]
        check("".join(texts), events[-1][1]["answer"])
        assert cited == events[-1][1]["citations"]


def events_in(text: str) -> list[tuple[str, Any]]:
    """Names and data of a stream; comments are left out."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.partition(": ")[::2] for line in block.splitlines() if line[:1] != ":")
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def examples(exchange: Exchange) -> list[tuple[str, Any]]:
    """The events of a stream's example."""
    return [(one["event"], one["data"]) for one in exchange["response"]["events"]]
