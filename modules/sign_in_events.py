"""The fast path: root's sign-ins from every account's event rule to the importer's queue.

The bus stands in the home region, beside queue and function: an event goes from bus to bus once, so
that the rules in the accounts, which stand where root's sign-ins are recorded, name it directly.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
"""

import json
from typing import Any

from constructs import Construct

from config.settings import Settings
from modules import aws
from modules.naming import Names
from modules.policy_document import policy_document

# As the rule in modules/member_access.yaml sends them. Nobody but AWS can send a source of "aws.".
PATTERN = {
    "source": ["aws.signin"],
    "detail-type": ["AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail"],
}


class SignInEvents(Construct):
    """What EventBridge cannot bring to `queue` within a day it puts into `dead_letters`.

    The policies of both queues let the rule in.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: Settings,
        names: Names,
        queue: aws.SqsQueue,
        dead_letters: aws.SqsQueue,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._in_security: dict[str, Any] = {"provider": provider}
        self.bus = aws.CloudwatchEventBus(
            self,
            "bus",
            name=names.event_bus,
            description="Rootwatch's: root's console sign-ins in every account.",
            **self._in_security,
        )
        self._let_the_organization_in(settings.organization.id)
        self._send_on(queue, dead_letters)

    def _let_the_organization_in(self, organization: str) -> None:
        statement = {
            "Sid": "OrganizationSendsSignIns",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": self._names.event_bus_arn,
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": organization}},
        }
        aws.CloudwatchEventBusPolicy(
            self,
            "policy",
            event_bus_name=self.bus.name,
            policy=policy_document([statement]),
            **self._in_security,
        )

    def _send_on(self, queue: aws.SqsQueue, dead_letters: aws.SqsQueue) -> None:
        rule = aws.CloudwatchEventRule(
            self,
            "rule",
            name=self._names.event_rule,
            description="Brings root's console sign-ins to Rootwatch's finding importer.",
            event_bus_name=self.bus.name,
            event_pattern=json.dumps(PATTERN),
            **self._in_security,
        )
        aws.CloudwatchEventTarget(
            self,
            "target",
            rule=rule.name,
            event_bus_name=self.bus.name,
            target_id="finding-importer",
            arn=queue.arn,
            dead_letter_config=aws.CloudwatchEventTargetDeadLetterConfig(arn=dead_letters.arn),
            **self._in_security,
        )
