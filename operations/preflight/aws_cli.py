"""Commands for people: of the AWS command line, each for one account, and Terraform's import."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import Settings
from operations.preflight.result import Command, Remedy

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


def import_remedy(root: Path, kind: str, identifier: str) -> Remedy:
    """How Terraform's state gets the only resource of a kind, which exists already.

    Stack and address are those of the synthesized stacks; where there are none, that is what is to
    be done first.
    """
    found = _found(root / "cdktf.out", kind)
    if found is None:
        right = "it is in Terraform's state; after this, the check tells how"
        return Remedy(right=right, commands=(SYNTH,))
    stack, address = found
    right = f"it is in the state of the stack {stack}"
    terraform = f"terraform -chdir=cdktf.out/stacks/{stack}"
    imported = f"{terraform} import {shlex.quote(address)} {shlex.quote(identifier)}"
    return Remedy(
        right=right, commands=(SYNTH, Command(None, f"{terraform} init"), Command(None, imported))
    )


def _found(output: Path, kind: str) -> tuple[str, str] | None:
    """Stack and address; None where no stack has it, or none is synthesized by this version."""
    try:
        for stack in _read(output / "manifest.json")["stacks"]:
            resources = _read(output / "stacks" / stack / "cdk.tf.json")["resource"]
            if kind in resources:
                (name,) = resources[kind]
                return stack, f"{kind}.{name}"
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
