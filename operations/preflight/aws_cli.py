"""Commands for people: of the AWS command line, each for one account, and Terraform's import."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from operations.preflight.result import Command, Remedy

if TYPE_CHECKING:
    from pathlib import Path

    from config.settings import Settings

SYNTH = Command(None, "make synth")


@dataclass(frozen=True, slots=True)
class AwsCli:
    """The management account's commands take the credentials of the environment, as the check
    itself does; those of other accounts name the profiles of README.md.
    """

    settings: Settings

    def command(self, account: str, *words: str, region: str | None = None) -> Command:
        where = ["--region", region] if region else []
        return self.without_profile(account, *words, *where, *self._profile(account))

    def without_profile(self, account: str, *words: str) -> Command:
        """For whoever has other credentials there than the deployment role's."""
        return Command(account, shlex.join(["aws", *words]))

    def _profile(self, account: str) -> list[str]:
        accounts = self.settings.accounts
        profiles = {accounts.log_archive: "log-archive", accounts.security: "security"}
        if account == accounts.management or account not in profiles:
            return []
        return ["--profile", profiles[account]]


def as_json(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"))


def import_remedy(root: Path, stack: str, kind: str, identifier: str) -> Remedy:
    """How a stack's state gets the only resource of a kind, which exists already.

    Its address stands in the synthesized stack; where there is none, that is what is to be done
    first.
    """
    folder = f"cdktf.out/stacks/{stack}"
    right = f"it is in the state of the stack {stack}"
    address = _address(root / folder / "cdk.tf.json", kind)
    if address is None:
        return Remedy(right=f"{right}; after this, the check tells how", commands=(SYNTH,))
    terraform = f"terraform -chdir={folder}"
    imported = f"{terraform} import {shlex.quote(address)} {shlex.quote(identifier)}"
    return Remedy(
        right=right, commands=(SYNTH, Command(None, f"{terraform} init"), Command(None, imported))
    )


def _address(path: Path, kind: str) -> str | None:
    try:
        stack = json.loads(path.read_text(encoding="utf-8"))
        (name,) = stack["resource"][kind]
    except (OSError, ValueError, LookupError, TypeError):  # none, or none of this version
        return None
    return f"{kind}.{name}"
