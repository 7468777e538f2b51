"""The fast path: an event bus receives root sign-ins from all accounts for the importer's queue.

The bus is in the home Region, as the queue and the function are. An event crosses to another bus
only once, so the event rules in the accounts name this bus as their target, also from the Region
that records root sign-ins.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
"""

import json

from constructs import Construct

from modules import aws
from modules.member_access import sign_in_pattern
from modules.naming import Names
from modules.policies import policy_document


class SignInEvents(Construct):
    """EventBridge sends events that it cannot deliver to `queue` in a day to `dead_letter_queue`.

    The policies of both queues allow the rule.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        names: Names,
        queue: aws.SqsQueue,
        dead_letter_queue: aws.SqsQueue,
        provider: aws.AwsProvider,
    ) -> None:
        super().__init__(scope, id_)
        self._names = names
        self._provider = provider
        self.bus = aws.CloudwatchEventBus(
            self,
            "bus",
            name=names.event_bus,
            description="Root console sign-ins in all accounts, for Rootwatch.",
            provider=provider,
        )
        self._allow_organization()
        self._forward_to_queue(queue, dead_letter_queue)

    def _allow_organization(self) -> None:
        organization = self._names.settings.organization.id
        statement = {
            "Sid": "AllowOrganization",
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
            provider=self._provider,
        )

    def _forward_to_queue(self, queue: aws.SqsQueue, dead_letter_queue: aws.SqsQueue) -> None:
        """The rule trusts the source: only AWS can send events whose source begins with "aws."."""
        pattern = {key: sign_in_pattern()[key] for key in ("source", "detail-type")}
        rule = aws.CloudwatchEventRule(
            self,
            "rule",
            name=self._names.event_rule,
            description="Sends root console sign-ins to the Rootwatch finding importer.",
            event_bus_name=self.bus.name,
            event_pattern=json.dumps(pattern),
            provider=self._provider,
        )
        aws.CloudwatchEventTarget(
            self,
            "target",
            rule=rule.name,
            event_bus_name=self.bus.name,
            target_id="finding-importer",
            arn=queue.arn,
            dead_letter_config=aws.CloudwatchEventTargetDeadLetterConfig(arn=dead_letter_queue.arn),
            provider=self._provider,
        )
