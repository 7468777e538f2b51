"""The function's entry: the first invocation builds the importer, each one hands it a delivery."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from . import log, sources
from .accounts import OwningAccounts
from .aws import Credentials, connect
from .detection import Detection
from .environment import Environment
from .finding import HubScope
from .importer import FindingImporter
from .notice import NoticeTopic
from .rules import Ruleset
from .security_hub import SecurityHub


def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Count what was done; any ImporterError fails the invocation, so that Lambda retries it."""
    importer = _importer()
    return importer.handle(sources.decode(event))


@cache
def _importer() -> FindingImporter:
    environment = Environment.parse(os.environ)
    log.configure(environment.log_level)
    ruleset = Ruleset.load(files(__package__).joinpath("detections.json").read_bytes())
    return assemble(environment, ruleset)


def assemble(environment: Environment, ruleset: Ruleset[Detection]) -> FindingImporter:
    region = environment.region
    sns = connect("sns", region)

    def hub_of(credentials: Credentials) -> SecurityHub:
        return SecurityHub(connect("securityhub", region, credentials))

    return FindingImporter(
        ruleset=ruleset,
        scope=HubScope(environment.partition, region),
        accounts=OwningAccounts(
            connect("sts", region), environment.partition, environment.member_role_name
        ),
        hub_of=hub_of,
        topics={
            "high": NoticeTopic(sns, environment.high_priority_topic_arn),
            "low": NoticeTopic(sns, environment.low_priority_topic_arn),
        },
    )
