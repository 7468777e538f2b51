"""The sandbox: moto's server with the overrides of all services, and one organization in it."""

import logging
import secrets
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from moto.cloudwatch import models as cloudwatch_models
from moto.core.config import default_user_config
from moto.logs import models as logs_models
from moto.moto_api._internal.models import moto_api_backend

from sandbox import api_errors, dynamodb, security_hub, server
from sandbox.activity import Activity
from sandbox.aws_lambda.event_sources import EventSources
from sandbox.aws_lambda.functions import Functions
from sandbox.aws_lambda.pollers import Pollers
from sandbox.client import TOKEN_VARIABLE
from sandbox.clock import Clock
from sandbox.cloudformation import role_templates
from sandbox.cloudformation.stack_set_requests import StackSetOperations
from sandbox.cloudtrail import administration as trail_administration
from sandbox.cloudtrail import trail_names
from sandbox.cloudtrail.trails import Trails
from sandbox.cloudwatch.alarms import Alarms
from sandbox.cloudwatch.service_metrics import ServiceMetrics
from sandbox.conditions import Conditions, ideal
from sandbox.control import controlled
from sandbox.eventbridge.delivery import EventBridge
from sandbox.faults import Faults
from sandbox.iam import authorization, control_policies, identities
from sandbox.iam.authentication import authenticated
from sandbox.iam.propagation import Propagation
from sandbox.logs.log_groups import LogGroups
from sandbox.organizations import reads as organization_reads
from sandbox.organizations.changes import OrganizationChanges
from sandbox.organizations.organization import (
    ACCESS_ROLE,
    MANAGEMENT,
    AccessKey,
    administrator_key,
    create_organization,
)
from sandbox.overrides import Override, applied, replace
from sandbox.server import Server
from sandbox.sns.mail import Mail, Mailboxes
from sandbox.sqs.metrics import QueueMetrics
from sandbox.sqs.moves import MoveTasks
from sandbox.sqs.queues import Queues
from sandbox.throttling import Throttling
from sandbox.wsgi import Application

REGION = "us-east-1"
IDLE_SECONDS = 60.0
PROCESS_LOCK = threading.Lock()


class AlreadyRunningError(Exception):
    """Another sandbox runs in this process."""


class NotIdleError(Exception):
    """Work is still in progress after the timeout."""


@dataclass(frozen=True, slots=True)
class Services:
    functions: Functions
    mailboxes: Mailboxes
    alarms: Alarms
    trails: Trails
    event_bridge: EventBridge
    queues: Queues
    pollers: Pollers


class Sandbox:
    """A running local organization. A process can run one, since moto's state is global."""

    endpoint: str
    services: Services
    faults: Faults

    def __init__(self, conditions: Conditions | None = None) -> None:
        """`conditions` are ideal unless given."""
        self.conditions = conditions or ideal()
        self.clock = Clock()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._set_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _set_up(self, stack: ExitStack) -> None:
        if not PROCESS_LOCK.acquire(blocking=False):
            raise AlreadyRunningError("stop the other sandbox of this process first")
        stack.callback(PROCESS_LOCK.release)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        moto_api_backend.reset()
        default_user_config["lambda"] = {"use_docker": True}  # the sandbox runs them itself
        stack.enter_context(security_hub.installed(self._security_hub_timing()))
        self._key = create_organization()
        self._token = secrets.token_urlsafe()
        self._server = Server(self._around_moto)
        stack.callback(self._server.close)
        self.endpoint = self._server.endpoint
        self.services = self._create_services()
        stack.enter_context(applied(self._overrides()))
        self._start(stack)

    def _around_moto(self, application: Application) -> Application:
        return controlled(authenticated(application), self, self._token)

    def _create_services(self) -> Services:
        self._activity = activity = Activity()
        clock, counters = self.clock, ServiceMetrics(self.clock)
        functions = Functions(self.endpoint, activity, counters)
        queues, event_bridge = (
            Queues(activity, clock),
            EventBridge(activity, counters, self.conditions),
        )
        self._metrics = QueueMetrics(activity, clock)
        self._log_groups = LogGroups(functions, counters)
        self._stack_sets = StackSetOperations()
        self.faults = Faults(functions)
        self._trails = Trails(event_bridge, counters, self.conditions)
        conditions = self.conditions
        self.throttling = Throttling(applies=conditions.throttles)
        self._propagation = Propagation(conditions.iam_propagation_seconds, conditions.seed)
        return Services(
            functions=functions,
            mailboxes=Mailboxes(suspends=conditions.suspends_email, now=clock.time),
            alarms=Alarms(clock, conditions, self._publish_metrics),
            trails=self._trails,
            event_bridge=event_bridge,
            queues=queues,
            pollers=Pollers(functions, queues, self._metrics, activity),
        )

    def _publish_metrics(self, when: datetime) -> None:
        self._metrics.publish_all(when)
        self._trails.publish_activity(when)

    def _overrides(self) -> list[Override]:
        """A call passes the overrides of one attribute in reverse order: faults come first."""
        services, activity = self.services, self._activity
        return [
            *server.overrides(),
            *api_errors.overrides(),
            *identities.overrides(),
            *organization_reads.overrides(),
            *OrganizationChanges().overrides(),
            *control_policies.overrides(),
            *dynamodb.overrides(),
            *services.queues.overrides(),
            *MoveTasks(activity).overrides(),
            *EventSources(services.functions.roles, activity).overrides(),
            *services.functions.overrides(),
            *self._stack_sets.overrides(),
            *role_templates.overrides(),
            *services.mailboxes.overrides(),
            *services.alarms.overrides(),
            *trail_administration.overrides(self.conditions.trail_delegation_seconds),
            *trail_names.overrides(),
            *services.event_bridge.overrides(),
            *self._log_groups.overrides(),
            *replace(logs_models, utcnow=self.clock.now),
            *replace(cloudwatch_models, utcnow=self.clock.now),
            *self._propagation.overrides(),
            *authorization.overrides(),
            *self.throttling.overrides(),
            *self.faults.overrides(),
        ]

    def _security_hub_timing(self) -> security_hub.Timing:
        conditions = self.conditions
        return security_hub.Timing(
            sync_seconds=conditions.security_hub_sync_seconds,
            sync_codes=security_hub.drawn_codes(conditions.seed),
            association_seconds=conditions.security_hub_association_seconds,
        )

    def _start(self, stack: ExitStack) -> None:
        services = self.services
        stack.enter_context(self._propagation.following())
        stack.enter_context(self._server.running())
        stack.enter_context(self._stack_sets.following())
        self.clock.each_minute(lambda _: services.functions.retry_throttled())
        self.clock.each_minute(lambda _: services.mailboxes.delete_expired())
        self.clock.each_minute(services.trails.deliver_due)
        stack.enter_context(services.alarms.running())
        stack.enter_context(services.pollers.working())
        stack.enter_context(services.functions.running())
        stack.enter_context(services.pollers.polling())
        stack.callback(self.faults.clear)

    @property
    def deployer(self) -> AccessKey:
        return self._key

    def environment(self) -> dict[str, str]:
        """The variables for a program that acts as an administrator of the management account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            TOKEN_VARIABLE: self._token,
            "AWS_ACCESS_KEY_ID": self._key.id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, account: str = MANAGEMENT.id, region: str = REGION) -> Any:
        """A boto3 client with the credentials of an administrator in the account."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            config=self._client_config(),
            **self._credentials(account),
        )

    def _client_config(self) -> Config:
        """Retries hide errors from tests, except where the sandbox throttles."""
        if self.conditions.throttles:
            return Config(retries={"mode": "standard", "max_attempts": 10})
        return Config(retries={"max_attempts": 1})

    def record(self, event: Mapping[str, Any], *, detail_type: str | None = None) -> int:
        """Record the event with CloudTrail, and wait until all processing has finished.

        The number of trails that delivered it. `log` and `emit` of `services.trails` record it for
        trails only or for event rules only; call `settle` after them.
        """
        delivered = self.services.trails.record(event, detail_type=detail_type)
        self.settle()
        return delivered

    def settle(self, within_seconds: float = IDLE_SECONDS) -> None:
        """Wait until no work is in progress or waiting, apart from hidden and delayed messages.

        It advances the clock until late events are delivered, and alarms that wait are evaluated.
        """
        self._finish_work(within_seconds)
        while self.services.trails.has_late_deliveries:
            self.clock.advance_to_next_minute()
            self._finish_work(within_seconds)
        if self.conditions.alarms_wait:
            self.clock.advance_to_next_minute()
            self._finish_work(within_seconds)

    def _finish_work(self, within_seconds: float) -> None:
        self.services.pollers.retry_denied()
        if not self._activity.wait_until_idle(within_seconds):
            raise NotIdleError(f"work is still in progress after {within_seconds:.0f} s")
        self.services.functions.flush_logs()
        self._metrics.publish_changes()

    def let_time_pass(self) -> None:
        """Make every delayed or hidden message visible, and every change of a role effective."""
        self.services.queues.let_time_pass()
        self.let_roles_take_effect()

    def let_roles_take_effect(self) -> None:
        """Make every change of a role effective in all services."""
        self._propagation.let_time_pass()

    def mails(self) -> list[Mail]:
        return self.services.mailboxes.everything()

    def confirm_subscriptions(self) -> int:
        """Confirm all pending email subscriptions; their number."""
        requests = self.services.mailboxes.confirmations()
        for mail in requests:
            _, _, _, region, account, _ = mail.topic_arn.split(":")
            topic = self.client("sns", account, region)
            topic.confirm_subscription(TopicArn=mail.topic_arn, Token=mail.token)
        return len(requests)

    def _credentials(self, account: str) -> dict[str, str]:
        """Of the account's administrator, or of the role that CreateAccount creates."""
        key = administrator_key(account)
        if key:
            return {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret}
        session = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/{ACCESS_ROLE}", RoleSessionName="sandbox"
        )["Credentials"]
        return {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
