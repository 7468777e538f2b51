"""Compares JSON documents with the shapes of the API, and reads the timestamps of ASFF."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from moto.core.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape
from moto.core.utils import get_service_model

_SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
}


@cache
def service_model() -> ServiceModel:
    return get_service_model("securityhub")


def finding_shape() -> Shape:
    shape: Shape = service_model().shape_for("AwsSecurityFinding")
    return shape


def strings(shape: Shape, value: Any, path: str = "data") -> Iterator[tuple[str, str]]:
    """Path and value of each string that the shape names; the contents of maps are left out."""
    match shape:
        case StructureShape():
            for name, member in value.items():
                yield from strings(shape.members[name], member, f"{path}.{name}")
        case ListShape():
            for index, item in enumerate(value):
                yield from strings(shape.member, item, f"{path}[{index}]")
        case StringShape():
            yield path, value


def violations(shape: Shape, value: Any, path: str = "data") -> Iterator[str]:
    """Each violation of the shape as a sentence with the path of the value."""
    match shape:
        case StructureShape():
            yield from _structure_violations(shape, value, path)
        case ListShape():
            yield from _list_violations(shape, value, path)
        case MapShape():
            yield from _map_violations(shape, value, path)
        case _:
            yield from _scalar_violations(shape, value, path)


def _structure_violations(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} should be object"
        return
    members = cast("dict[str, Shape]", shape.members)
    for name in shape.required_members:
        if name not in value:
            yield f"{path} should have required property '{name}'"
    for name, member in value.items():
        if name not in members:
            yield f"{path} should NOT have additional property '{name}'"
        else:
            yield from violations(members[name], member, f"{path}.{name}")


def _list_violations(shape: ListShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path} should be array"
        return
    for index, item in enumerate(value):
        yield from violations(shape.member, item, f"{path}[{index}]")


def _map_violations(shape: MapShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} should be object"
        return
    for key, item in value.items():
        yield from violations(shape.key, key, f"{path} key")
        yield from violations(shape.value, item, f"{path}['{key}']")


def _scalar_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if type(value) not in _SCALARS[shape.type_name]:
        yield f"{path} should be {shape.type_name}"
    elif isinstance(shape, StringShape):
        yield from _string_violations(shape, value, path)
    elif shape.type_name == "integer":
        yield from _range_violations(shape, value, path)


def _range_violations(shape: Shape, value: int, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min", value), shape.metadata.get("max", value)
    if not low <= value <= high:
        yield f"{path} should be >= {low} and <= {high}"


def _string_violations(shape: StringShape, value: str, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern")
    if shape.enum and value not in shape.enum:
        yield f"{path} should be equal to one of the allowed values: {', '.join(shape.enum)}"
    elif pattern == r".*\S.*" and not value.strip():
        yield f"{path} should NOT be shorter than 1 characters"
    elif pattern and not re.search(pattern, value, re.DOTALL):
        yield f"{path} should match pattern {pattern}"


_RFC3339 = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
    r"(?:\.(?P<fraction>\d{1,9}))?"
    r"(?P<offset>Z|[+-]\d\d:?\d\d)"
)


def nanoseconds(timestamp: str) -> int:
    """Nanoseconds since 1970 of an ASFF timestamp, which has up to nine decimal places.

    ValueError for other texts, and for a day or an hour that does not exist.
    """
    match = _RFC3339.fullmatch(timestamp)
    if match is None:
        raise ValueError(f"timestamp: got {timestamp!r}, expected RFC 3339")
    seconds = datetime.fromisoformat(match["seconds"] + match["offset"])
    fraction = int((match["fraction"] or "0").ljust(9, "0"))
    return int(seconds.timestamp()) * 10**9 + fraction


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
