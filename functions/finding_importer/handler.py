"""The function's entry: the first invocation builds the importer, each one hands it a delivery."""

import os
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from . import log, rules, sources
from .accounts import OwningAccounts
from .aws import Credentials, connect
from .environment import Environment
from .finding import HubScope
from .importer import FindingImporter
from .notice import NoticeTopic
from .security_hub import SecurityHub


def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Count what was done; any ImporterError fails the invocation, so that Lambda retries it."""
    importer = _importer()
    return importer.handle(sources.decode(event))


@cache
def _importer() -> FindingImporter:
    environment = Environment.parse(os.environ)
    log.configure(environment.log_level)
    detections = rules.load(files(__package__).joinpath("detections.json").read_bytes())
    return assemble(environment, detections)


def assemble(environment: Environment, detections: tuple[rules.Detection, ...]) -> FindingImporter:
    region = environment.region

    def hub_of(credentials: Credentials) -> SecurityHub:
        return SecurityHub(connect("securityhub", region, credentials))

    return FindingImporter(
        detections=detections,
        scope=HubScope(environment.partition, region),
        accounts=OwningAccounts(
            connect("sts", region), environment.partition, environment.member_role_name
        ),
        hub_of=hub_of,
        topic=NoticeTopic(connect("sns", region), environment.notice_topic_arn),
    )
