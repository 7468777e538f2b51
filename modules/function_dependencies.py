"""What the finding importer needs besides the standard library and boto3, which Lambda brings.

Of Powertools only what is imported: the whole of it would be five times the rest of the zip.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    "aws_lambda_powertools.exceptions",
    "aws_lambda_powertools.logging",
    "aws_lambda_powertools.metrics",
    "aws_lambda_powertools.middleware_factory",
    "aws_lambda_powertools.shared",
    "aws_lambda_powertools.tracing",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.jmespath_utils",
    "aws_lambda_powertools.warnings",
    "jmespath",
)
MODULES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.package_logger",
    "aws_lambda_powertools.utilities",
    "typing_extensions",
)


def dependencies() -> dict[str, Path]:
    """Files to pack, by their path in the zip. ModuleNotFoundError where one is not installed."""
    files = [file for name in PACKAGES for file in sorted(_file(name).parent.rglob("*.py"))]
    files += [_file(name) for name in MODULES]
    return {_path_in_zip(file): file for file in files}


def _file(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed: run make", name=module)
    return Path(spec.origin)


def _path_in_zip(file: Path) -> str:
    """From the folder that the top package is installed in."""
    parts = file.parts
    return "/".join(parts[len(parts) - parts[::-1].index("site-packages") :])
