"""CloudFormation templates with the values of their intrinsic functions."""

import re
from collections.abc import Mapping
from typing import Any

import yaml


def unescaped(template_body: str) -> str:
    """Terraform JSON escapes `${` as `$${`."""
    return template_body.replace("$${", "${")


def rendered(template: str, values: Mapping[str, str]) -> dict[str, Any]:
    """With `!Ref` and `!Sub` replaced; KeyError where a name has no value."""

    class Loader(yaml.SafeLoader):
        """A class for each call, because constructors belong to the class."""

    def ref(loader: Loader, node: yaml.ScalarNode) -> str:
        return values[str(loader.construct_scalar(node))]

    def sub(loader: Loader, node: yaml.ScalarNode) -> str:
        text = str(loader.construct_scalar(node))
        return re.sub(r"\$\{([^}]+)\}", lambda name: values[name[1]], text)

    def get_att(loader: Loader, node: yaml.ScalarNode) -> str:
        return f"{{attribute {loader.construct_scalar(node)}}}"

    Loader.add_constructor("!Ref", ref)
    Loader.add_constructor("!Sub", sub)
    Loader.add_constructor("!GetAtt", get_att)
    document = yaml.load(template, Loader)  # noqa: S506  a SafeLoader
    return dict(document)
