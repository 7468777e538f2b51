"""The names and ARNs of all resources."""

from dataclasses import dataclass

from compiler.detection import Priority
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Names:
    """Derived from the settings, so that stacks refer to each other without their states."""

    settings: Settings

    def state_file(self, stack: str) -> str:
        """The name of the local state, in the project folder."""
        return f"terraform.{self.settings.deployment.replace('/', '.')}.{stack}.tfstate"

    def state_key(self, stack: str) -> str:
        """The key of the state in S3, below the configured prefix."""
        return f"{self.settings.deployment}/{stack}.tfstate"

    def _name(self, name: str) -> str:
        return f"{self.settings.name_prefix}-{name}"

    def _arn(self, service: str, account: str, resource: str) -> str:
        partition, region = self.settings.partition, self.settings.home_region
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    def _security_arn(self, service: str, resource: str) -> str:
        return self._arn(service, self.settings.accounts.security, resource)

    def _role_arn(self, account: str, name: str) -> str:
        return f"arn:{self.settings.partition}:iam::{account}:role/{name}"

    def account_arn(self, account: str) -> str:
        """The account as a principal."""
        return f"arn:{self.settings.partition}:iam::{account}:root"

    @property
    def trail(self) -> str:
        return self.settings.trail.name

    @property
    def trail_arn(self) -> str:
        """The management account owns the trail that the security account creates."""
        return self._arn("cloudtrail", self.settings.accounts.management, f"trail/{self.trail}")

    @property
    def trail_bucket(self) -> str:
        return self.settings.trail.bucket

    @property
    def trail_key_alias(self) -> str:
        return f"alias/{self._name('trail')}"

    @property
    def trail_log_group(self) -> str:
        return self.settings.trail.log_group

    @property
    def trail_log_group_arn(self) -> str:
        return self._security_arn("logs", f"log-group:{self.trail_log_group}")

    @property
    def trail_log_role(self) -> str:
        return self._name("trail-delivery")

    @property
    def member_role(self) -> str:
        return self._name("member")

    @property
    def member_role_arn_anywhere(self) -> str:
        return self._role_arn("*", self.member_role)

    @property
    def member_stack_set(self) -> str:
        return self._name("member")

    @property
    def event_bus(self) -> str:
        return self._name("sign-ins")

    @property
    def event_bus_arn(self) -> str:
        return self._security_arn("events", f"event-bus/{self.event_bus}")

    @property
    def event_rule(self) -> str:
        """Of the default bus in every account, and of the bus in the security account."""
        return self._name("sign-ins")

    @property
    def event_rule_arn(self) -> str:
        """Of the rule in the security account."""
        return self._security_arn("events", f"rule/{self.event_bus}/{self.event_rule}")

    @property
    def event_role(self) -> str:
        return self._name("sign-ins")

    @property
    def importer(self) -> str:
        return self._name("finding-importer")

    @property
    def importer_role(self) -> str:
        return self._name("finding-importer")

    @property
    def importer_role_arn(self) -> str:
        return self._role_arn(self.settings.accounts.security, self.importer_role)

    @property
    def importer_log_group(self) -> str:
        return f"/aws/lambda/{self.importer}"

    @property
    def importer_log_group_arn(self) -> str:
        return self._security_arn("logs", f"log-group:{self.importer_log_group}")

    @property
    def importer_queue(self) -> str:
        return self._name("finding-importer")

    @property
    def importer_queue_arn(self) -> str:
        return self._security_arn("sqs", self.importer_queue)

    @property
    def dead_letter_queue(self) -> str:
        return self._name("finding-importer-dead-letter-queue")

    @property
    def dead_letter_queue_arn(self) -> str:
        return self._security_arn("sqs", self.dead_letter_queue)

    @property
    def idempotency_table(self) -> str:
        return self._name("idempotency")

    @property
    def idempotency_table_arn(self) -> str:
        return self._security_arn("dynamodb", f"table/{self.idempotency_table}")

    @property
    def security_product_arn(self) -> str:
        """The default product of the security account, for fallback findings."""
        product = f"product/{self.settings.accounts.security}/default"
        return self._security_arn("securityhub", product)

    def organization_arn_any(self, kind: str) -> str:
        """A pattern for the ARNs of all accounts ("account") or units ("ou")."""
        management = self.settings.accounts.management
        identity = f"{kind}/{self.settings.organization.id}/*"
        return f"arn:{self.settings.partition}:organizations::{management}:{identity}"

    @property
    def alerts_key_alias(self) -> str:
        return f"alias/{self._name('alerts')}"

    def topic(self, priority: Priority) -> str:
        return self._name(f"{priority}-priority")

    def topic_arn(self, priority: Priority) -> str:
        return self._security_arn("sns", self.topic(priority))

    @property
    def metric_namespace(self) -> str:
        return self.settings.name_prefix

    def alarm(self, detection: str) -> str:
        return self._name(detection.replace("_", "-"))

    @property
    def trail_silence_alarm(self) -> str:
        return self._name("trail-silence")

    @property
    def importer_errors_alarm(self) -> str:
        return self._name("finding-importer-errors")

    @property
    def importer_throttles_alarm(self) -> str:
        return self._name("finding-importer-throttles")

    @property
    def importer_backlog_alarm(self) -> str:
        return self._name("finding-importer-backlog")

    @property
    def lost_events_alarm(self) -> str:
        return self._name("finding-importer-lost-events")

    @property
    def dead_letter_alarm(self) -> str:
        return self._name("finding-importer-dead-letter-queue")

    @property
    def event_rule_failures_alarm(self) -> str:
        return self._name("sign-ins-failed-invocations")

    @property
    def event_rule_lost_events_alarm(self) -> str:
        return self._name("sign-ins-lost-events")

    @property
    def alarm_arn_any(self) -> str:
        return self._security_arn("cloudwatch", f"alarm:{self._name('*')}")

    def metric_filter(self, detection: str) -> str:
        return self._name(detection.replace("_", "-"))

    @property
    def security_hub_policy(self) -> str:
        return self._name("security-hub")

    @property
    def insight(self) -> str:
        return f"{self.settings.name_prefix}: root sign-ins without MFA by account"
