"""IAM's eventual consistency: a change of a role is effective some seconds later.

Each service reads its own copy of IAM's data, so that the delay differs between services. IAM's own
operations return a change at once.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import IAMBackend, ManagedPolicy, Role

from sandbox.organizations.organization import Move, iam, listening_to_moves
from sandbox.overrides import Override, wrap

HISTORY = "sandbox_history"  # of a role; moto's objects accept attributes


@dataclass(frozen=True, slots=True)
class RoleState:
    """What a service knows of a role: its trust policy, None before it exists, and its policies."""

    trust: str | None
    inline: Mapping[str, str] = field(default_factory=dict)
    managed: Mapping[str, ManagedPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A state that ended at this time, by the monotonic clock."""

    state: RoleState
    at: float
    is_known: Callable[[str, float], bool]  # whether the service knows of the change already


def state_for(role: Role, service: str) -> RoleState:
    """The oldest state that the service, by its IAM prefix, still works with."""
    for replaced in vars(role).get(HISTORY, ()):
        if not replaced.is_known(service, replaced.at):
            state: RoleState = replaced.state
            return state
    return _current(role)


def make_effective(role: Role) -> None:
    """All services know the role's current state."""
    vars(role).pop(HISTORY, None)


class Propagation:
    """Records the changes of roles. Without a delay it records nothing."""

    def __init__(self, max_seconds: float = 0.0, seed: int = 0) -> None:
        self._max_seconds = max_seconds
        self._seed = seed
        self._elapsed_until = float("-inf")  # changes before this time are effective

    def overrides(self) -> list[Override]:
        if not self._max_seconds:
            return []
        changes = ("put_policy", "delete_policy")
        return [
            *wrap(Role, **dict.fromkeys(changes, self._change_role)),
            *wrap(
                Role,
                create_from_cloudformation_json=_in_stack,
                update_from_cloudformation_json=_in_stack,
            ),
            *wrap(ManagedPolicy, attach_to=self._change_attachment),
            *wrap(ManagedPolicy, detach_from=self._change_attachment),
            *wrap(
                IAMBackend, create_role=self._create, update_assume_role_policy=self._change_trust
            ),
        ]

    def seconds(self, service: str) -> float:
        """The delay of the service: between half of the maximum and the maximum."""
        drawn = random.Random(f"{self._seed}/{service}").uniform(0.5, 1.0)  # noqa: S311  no secret
        return drawn * self._max_seconds

    @contextmanager
    def following(self) -> Iterator[None]:
        """The roles of new accounts are effective: CreateAccount takes longer than IAM."""
        with listening_to_moves(_follow):
            yield

    def let_time_pass(self) -> None:
        """All changes so far are effective."""
        self._elapsed_until = time.monotonic()

    def _is_known(self, service: str, changed_at: float) -> bool:
        if changed_at <= self._elapsed_until:
            return True
        return time.monotonic() >= changed_at + self.seconds(service)

    def _record(self, role: Role, before: RoleState) -> None:
        history = vars(role).setdefault(HISTORY, [])
        history.append(Replaced(before, time.monotonic(), self._is_known))

    def _create(self, create_role: Any, backend: IAMBackend, *args: Any, **kwargs: Any) -> Role:
        role: Role = create_role(backend, *args, **kwargs)
        self._record(role, RoleState(trust=None))
        return role

    def _change_trust(
        self, update: Any, backend: IAMBackend, role_name: str, policy_document: str
    ) -> None:
        role = backend.get_role(role_name)
        before = _current(role)
        update(backend, role_name, policy_document)
        self._record(role, before)

    def _change_role(self, change: Any, role: Role, *args: Any, **kwargs: Any) -> Any:
        before = _current(role)
        answer = change(role, *args, **kwargs)
        self._record(role, before)
        return answer

    def _change_attachment(self, change: Any, policy: ManagedPolicy, entity: Any) -> None:
        before = _current(entity) if isinstance(entity, Role) else None
        change(policy, entity)
        if before is not None:
            self._record(entity, before)


def _in_stack(change: Any, _class: type[Role], *args: Any, **kwargs: Any) -> Role:
    """CloudFormation waits until a role is consistent before it creates what depends on it."""
    role: Role = change(*args, **kwargs)
    make_effective(role)
    return role


def _follow(move: Move) -> None:
    if not move.source:
        for role in list(iam(move.account).roles.values()):
            make_effective(role)


def _current(role: Role) -> RoleState:
    return RoleState(
        trust=role.assume_role_policy_document,
        inline=dict(role.policies),
        managed=dict(role.managed_policies),
    )
