"""The README's example runs, and its links lead to files."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_runs() -> None:
    (example, *_) = re.findall(
        r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE
    )

    exec(compile(example, "README.md", "exec"), {})  # noqa: S102  our own text


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https:)([^)]+)\)", README.read_text())

    assert links
    assert [link for link in links if not (README.parent / link).is_file()] == []
