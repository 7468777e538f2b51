"""Overrides: what the sandbox changes in moto's classes and modules while it runs.

Each service lists its overrides; `applied` applies them in order and restores moto at the end. A
later override of the same attribute receives the earlier one as its original.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True, slots=True)
class Override:
    """One attribute of one class or module."""

    target: Any
    attribute: str
    replacement: Callable[[Any], Any]  # makes it from the original, None where `is_new`
    is_new: bool = False

    def apply(self, stack: ExitStack) -> None:
        """`AttributeError` where moto lacks the attribute, or has one that is to be added."""
        if self.is_new and hasattr(self.target, self.attribute):
            raise AttributeError(f"moto has {self.target.__name__}.{self.attribute}: override it")
        original = None if self.is_new else inspect.getattr_static(self.target, self.attribute)
        replacement = self.replacement(original)
        stack.enter_context(
            patch.object(self.target, self.attribute, replacement, create=self.is_new)
        )


def replace(target: Any, /, **attributes: Any) -> list[Override]:
    """These instead of moto's. A bound method receives moto's object as its first argument."""
    return [
        Override(target, name, functools.partial(_instead_of, value))
        for name, value in attributes.items()
    ]


def add(target: Any, /, **attributes: Any) -> list[Override]:
    """These, which moto lacks; otherwise as `replace`."""
    return [
        Override(target, name, functools.partial(_instead_of, value), is_new=True)
        for name, value in attributes.items()
    ]


def wrap(target: Any, /, **wrappers: Callable[..., Any]) -> list[Override]:
    """Functions around moto's: each receives the original, and then what the original receives.

    The original is a function, a class method (bound already) or a property's getter.
    """
    return [
        Override(target, name, functools.partial(_around, wrapper))
        for name, wrapper in wrappers.items()
    ]


@contextmanager
def applied(overrides: Iterable[Override]) -> Iterator[None]:
    with ExitStack() as stack:
        for override in overrides:
            override.apply(stack)
        yield


def _instead_of(value: Any, _original: Any) -> Any:
    """A method bound to one of the sandbox's objects would not receive moto's."""
    if not inspect.ismethod(value):
        return value

    def function(*args: Any, **kwargs: Any) -> Any:
        return value(*args, **kwargs)

    return function


def _around(wrapper: Callable[..., Any], original: Any) -> Any:
    if isinstance(original, property):
        return property(functools.partial(wrapper, original.fget))
    if isinstance(original, classmethod):
        return classmethod(_around_class_method(wrapper, original))

    @functools.wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    return function


def _around_class_method(wrapper: Callable[..., Any], original: Any) -> Callable[..., Any]:
    @functools.wraps(original.__func__)
    def function(cls: type, *args: Any, **kwargs: Any) -> Any:
        return wrapper(original.__get__(None, cls), cls, *args, **kwargs)

    return function
