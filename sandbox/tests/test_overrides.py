"""Overrides of each kind of attribute."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from sandbox.overrides import add, applied, replace, wrap


class Base:
    def inherited(self) -> str:
        return "inherited"


class Moto(Base):
    limit = 1

    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self, greeting: str = "hello") -> str:
        """Moto's own."""
        return f"{greeting} {self.name}"

    @property
    def size(self) -> int:
        return len(self.name)

    @classmethod
    def create(cls, name: str) -> Self:
        return cls(name)


class Service:
    def greet(self, moto: Moto, greeting: str = "hello") -> str:
        return f"the service says {greeting} to {moto.name}"

    def greet_twice(self, greet: Callable[..., str], moto: Moto, *args: str) -> str:
        return f"{greet(moto, *args)}, {greet(moto, *args)}"


def test_a_replacement_is_removed_at_the_end() -> None:
    moto = Moto("moto")
    with applied(replace(Moto, greet=Service().greet, limit=2, inherited=lambda _: "replaced")):
        assert moto.greet("hi") == "the service says hi to moto"
        assert (Moto.limit, moto.inherited()) == (2, "replaced")

    assert moto.greet("hi") == "hi moto"
    assert (Moto.limit, moto.inherited()) == (1, "inherited")
    assert "inherited" not in vars(Moto)


def test_a_wrapper_receives_the_original() -> None:
    def size(get_size: Callable[[Moto], int], moto: Moto) -> int:
        return get_size(moto) + 1

    def create(original: Callable[[str], Moto], cls: type[Moto], name: str) -> Moto:
        return original(f"{cls.__name__} {name}")

    with applied(wrap(Moto, greet=Service().greet_twice, size=size, create=create)):
        moto = Moto.create("one")
        assert moto.greet() == "hello Moto one, hello Moto one"
        assert moto.size == len("Moto one") + 1
        assert Moto.greet.__doc__ == "Moto's own."

    assert Moto.create("one").name == "one"
    assert Moto("one").size == len("one")


def test_a_later_override_wraps_an_earlier_one() -> None:
    service = Service()
    with applied([*replace(Moto, greet=service.greet), *wrap(Moto, greet=service.greet_twice)]):
        text = "the service says hello to moto"
        assert Moto("moto").greet() == f"{text}, {text}"


def test_an_added_attribute_is_removed_at_the_end() -> None:
    with applied(add(Moto, leave=lambda moto: f"{moto.name} leaves")):
        assert vars(Moto)["leave"](Moto("moto")) == "moto leaves"

    assert not hasattr(Moto, "leave")


def test_overrides_that_do_not_fit_moto_are_refused() -> None:
    for wrong in (replace(Moto, leave=None), wrap(Moto, leave=Service().greet), add(Moto, limit=3)):
        with pytest.raises(AttributeError), applied([*replace(Moto, limit=2), *wrong]):
            pass
        assert Moto.limit == 1


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
