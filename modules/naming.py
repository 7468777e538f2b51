"""Every resource's name and ARN, in one place."""

from dataclasses import dataclass

from compiler.detection import Priority
from config.settings import Settings

NAME_CHARACTERS = {
    "bucket": 63,
    "function": 64,
    "role": 64,
    "trail": 128,
    "stack set": 128,
    "alarm": 255,
    "topic": 256,
    "metric filter": 512,
    "queue": 80,
    "table": 255,
    "event bus": 256,
    "event rule": 64,
}  # AWS's longest name for each kind


class NameTooLongError(ValueError):
    """A name made from `name_prefix` passes AWS's limit for its kind of resource."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names from the settings alone, so that stacks can refer to each other without a state."""

    settings: Settings

    def _name(self, kind: str, *parts: str) -> str:
        name = "-".join((self.settings.name_prefix, *parts))
        if len(name) > NAME_CHARACTERS[kind]:
            raise NameTooLongError(
                f"name_prefix: the {kind} name {name!r} has {len(name)} characters; "
                f"AWS takes {NAME_CHARACTERS[kind]}"
            )
        return name

    def _arn(self, service: str, account: str, resource: str) -> str:
        partition, region = self.settings.partition, self.settings.home_region
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def _role_arn(self, account: str, name: str) -> str:
        return f"arn:{self.settings.partition}:iam::{account}:role/{name}"

    @property
    def trail(self) -> str:
        return self.settings.trail.name

    @property
    def trail_arn(self) -> str:
        """The management account owns the trail, whoever creates it."""
        return self._arn("cloudtrail", self.settings.accounts.management, f"trail/{self.trail}")

    @property
    def trail_bucket(self) -> str:
        return self.settings.trail.bucket

    @property
    def trail_key_alias(self) -> str:
        return f"alias/{self.settings.name_prefix}-trail"

    @property
    def trail_log_group(self) -> str:
        return self.settings.trail.log_group

    @property
    def trail_log_group_arn(self) -> str:
        security = self.settings.accounts.security
        return self._arn("logs", security, f"log-group:{self.trail_log_group}")

    @property
    def trail_log_role(self) -> str:
        return self._name("role", "trail-delivery")

    @property
    def member_role(self) -> str:
        return self._name("role", "member")

    @property
    def member_role_arn_anywhere(self) -> str:
        return self._role_arn("*", self.member_role)

    @property
    def member_stack_set(self) -> str:
        return self._name("stack set", "member")

    @property
    def event_bus(self) -> str:
        return self._name("event bus", "sign-ins")

    @property
    def event_bus_arn(self) -> str:
        security = self.settings.accounts.security
        return self._arn("events", security, f"event-bus/{self.event_bus}")

    @property
    def event_rule(self) -> str:
        """In every account on the default bus, and in the security account on Rootwatch's, too."""
        return self._name("event rule", "sign-ins")

    @property
    def event_rule_arn(self) -> str:
        """On Rootwatch's bus."""
        security = self.settings.accounts.security
        return self._arn("events", security, f"rule/{self.event_bus}/{self.event_rule}")

    @property
    def event_role(self) -> str:
        return self._name("role", "sign-ins")

    @property
    def importer(self) -> str:
        return self._name("function", "finding-importer")

    @property
    def importer_role(self) -> str:
        return self._name("role", "finding-importer")

    @property
    def importer_role_arn(self) -> str:
        return self._role_arn(self.settings.accounts.security, self.importer_role)

    @property
    def importer_log_group(self) -> str:
        return f"/aws/lambda/{self.importer}"

    @property
    def importer_log_group_arn(self) -> str:
        security = self.settings.accounts.security
        return self._arn("logs", security, f"log-group:{self.importer_log_group}")

    @property
    def importer_queue(self) -> str:
        return self._name("queue", "finding-importer")

    @property
    def importer_queue_arn(self) -> str:
        return self._arn("sqs", self.settings.accounts.security, self.importer_queue)

    @property
    def dead_letter_queue(self) -> str:
        return self._name("queue", "finding-importer-dead-letters")

    @property
    def dead_letter_queue_arn(self) -> str:
        return self._arn("sqs", self.settings.accounts.security, self.dead_letter_queue)

    @property
    def dead_letter_alarm(self) -> str:
        return self._name("alarm", "finding-importer-dead-letters")

    @property
    def lost_events_alarm(self) -> str:
        return self._name("alarm", "finding-importer-lost-events")

    @property
    def idempotency_table(self) -> str:
        return self._name("table", "idempotency")

    @property
    def idempotency_table_arn(self) -> str:
        return self._arn(
            "dynamodb", self.settings.accounts.security, f"table/{self.idempotency_table}"
        )

    @property
    def security_product_arn(self) -> str:
        """Security Hub's default product for what the security account imports into itself."""
        security = self.settings.accounts.security
        return self._arn("securityhub", security, f"product/{security}/default")

    def organization_arn_any(self, kind: str) -> str:
        """The ARN of every account or ou of the organization."""
        management = self.settings.accounts.management
        identity = f"{kind}/{self.settings.organization.id}/*"
        return f"arn:{self.settings.partition}:organizations::{management}:{identity}"

    @property
    def alerts_key_alias(self) -> str:
        return f"alias/{self.settings.name_prefix}-alerts"

    def topic(self, priority: Priority) -> str:
        return self._name("topic", f"{priority}-priority")

    def topic_arn(self, priority: Priority) -> str:
        return self._arn("sns", self.settings.accounts.security, self.topic(priority))

    @property
    def metric_namespace(self) -> str:
        return self.settings.name_prefix

    def alarm(self, detection: str) -> str:
        return self._name("alarm", detection.replace("_", "-"))

    @property
    def alarm_arn_any(self) -> str:
        pattern = f"alarm:{self.settings.name_prefix}-*"
        return self._arn("cloudwatch", self.settings.accounts.security, pattern)

    def metric_filter(self, detection: str) -> str:
        return self._name("metric filter", detection.replace("_", "-"))

    @property
    def security_hub_policy(self) -> str:
        return f"{self.settings.name_prefix}-security-hub-on"

    @property
    def insight(self) -> str:
        return f"{self.settings.name_prefix}: root sign-ins without MFA by account"
