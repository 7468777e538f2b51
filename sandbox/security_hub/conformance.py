"""Compares a JSON document with a shape of the API's own model, at every level."""

import re
from collections.abc import Iterator
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


def texts(shape: Shape, value: Any, path: str = "data") -> Iterator[tuple[str, str]]:
    """Path and text of every modelled string; maps are left out, their keys are the sender's."""
    match shape:
        case StructureShape():
            for name, member in value.items():
                yield from texts(shape.members[name], member, f"{path}.{name}")
        case ListShape():
            for index, item in enumerate(value):
                yield from texts(shape.member, item, f"{path}[{index}]")
        case StringShape():
            yield path, value


def violations(shape: Shape, value: Any, path: str = "data") -> Iterator[str]:
    """What in `value` the shape forbids, one sentence each, with the path of the value."""
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
    least, most = shape.metadata.get("min", value), shape.metadata.get("max", value)
    if not least <= value <= most:
        yield f"{path} should be >= {least} and <= {most}"


def _string_violations(shape: StringShape, value: str, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern")
    if shape.enum and value not in shape.enum:
        yield f"{path} should be equal to one of the allowed values: {', '.join(shape.enum)}"
    elif pattern == r".*\S.*" and not value.strip():
        yield f"{path} should NOT be shorter than 1 characters"
    elif pattern and not re.search(pattern, value, re.DOTALL):
        yield f"{path} should match pattern {pattern}"
