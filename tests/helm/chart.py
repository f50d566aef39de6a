"""The chart as Helm would make it: values merged, checked against the schema, rendered, and read back as manifests."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

HELM = Path(__file__).parents[2] / "helm"
VALUES = Path(__file__).parent / "values"
REQUIRED = VALUES / "required.yaml"
Manifest = dict[str, Any]
Values = Mapping[str, Any]


class Refused(Exception):
    """The chart does not take these values; the message is what a person would read."""


@dataclass(frozen=True)
class Rendered:
    """What would be sent to Kubernetes, and the notes that a person reads."""

    texts: Mapping[str, str]
    """By template."""
    manifests: list[Manifest]

    @property
    def notes(self) -> str:
        return self.texts["templates/NOTES.txt"]

    @property
    def empty(self) -> list[str]:
        """Templates that made nothing."""
        return [name for name, text in self.texts.items() if not text.strip()]

    def of(self, *kinds: str) -> list[Manifest]:
        return [one for one in self.manifests if one["kind"] in kinds]

    def named(self, kind: str, name: str) -> Manifest:
        (found,) = (one for one in self.of(kind) if one["metadata"]["name"] == name)
        return found

    def pods(self) -> Iterator[tuple[Manifest, Manifest]]:
        """Each workload with the pod that it makes: {metadata, spec}."""
        for one in self.manifests:
            if one["kind"] == "Pod":
                yield one, one
            elif template := one.get("spec", {}).get("template"):
                yield one, template


@dataclass(frozen=True)
class Chart:
    """The renderer, and the chart it renders."""

    renderer: Path

    def render(self, *values: Values | Path, release: str = "pazpaz-ai") -> Rendered:
        """Later values win. Raises Refused."""
        merged = merge(_read(HELM / "values.yaml"), *map(_read, values))
        _check(merged)
        done = subprocess.run(
            [self.renderer, HELM, f"practice/{release}"],
            input=json.dumps(merged),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr)
        texts: dict[str, str] = json.loads(done.stdout)
        return Rendered(texts, list(_manifests(texts)))


def merge(values: Values, *others: Values) -> dict[str, Any]:
    """As Helm merges: maps by key, anything else whole, and null takes a key away."""
    merged = dict(values)
    for other in others:
        for key, value in other.items():
            if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
                merged[key] = merge(merged[key], value)
            elif value is None:
                merged.pop(key, None)
            else:
                merged[key] = value
    return merged


def _read(values: Values | Path) -> Values:
    read: Values = yaml.safe_load(values.read_text()) if isinstance(values, Path) else values
    return read


def _check(merged: Values) -> None:
    schema = json.loads((HELM / "values.schema.json").read_text())
    errors = jsonschema_rs.validator_for(schema).iter_errors(merged)
    if lines := [f"{'.'.join(map(str, one.instance_path))}: {one.message}" for one in errors]:
        raise Refused("\n".join(lines))


def switched_on(values: Values) -> dict[str, Any]:
    """Every `enabled` among the values, and what holds it, as true."""
    inside = {key: switched_on(one) for key, one in values.items() if isinstance(one, Mapping)}
    on = {"enabled": True} if "enabled" in values else {}
    return on | {key: found for key, found in inside.items() if found}


def _manifests(texts: Mapping[str, str]) -> Iterator[Manifest]:
    for name, text in texts.items():
        if name.endswith(".yaml"):
            yield from filter(None, yaml.load_all(text, Loader=_Strict))


class _Strict(yaml.SafeLoader):
    """Refuses what Kubernetes refuses and YAML readers let pass: a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice} stand twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


SETS: dict[str, list[Values | Path]] = {
    "required": [REQUIRED],
    "small": [REQUIRED, HELM / "values-small.yaml"],
    "ha": [REQUIRED, HELM / "values-ha.yaml"],
    "everything": [REQUIRED, VALUES / "everything.yaml", switched_on(_read(HELM / "values.yaml"))],
}
"""Every file of values with what it goes on top of. A part that is new in values.yaml is among everything by itself."""
