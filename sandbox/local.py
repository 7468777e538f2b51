"""The whole sandbox: moto's server, what moto lacks, and one organization in it."""

import logging
import secrets
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend

from sandbox import security_hub, server
from sandbox.activity import Activity
from sandbox.aws_lambda.event_sources import EventSources
from sandbox.aws_lambda.functions import Functions
from sandbox.aws_lambda.pollers import Pollers
from sandbox.client import TOKEN_VARIABLE
from sandbox.cloudformation import role_templates
from sandbox.cloudformation.stack_set_requests import StackSetOperations
from sandbox.cloudtrail import administration as trail_administration
from sandbox.cloudtrail.trails import Trails
from sandbox.cloudwatch.alarms import Alarms
from sandbox.control import controlled
from sandbox.dynamodb import tables
from sandbox.eventbridge.delivery import EventBridge
from sandbox.faults import Faults
from sandbox.iam import authority, identities
from sandbox.iam.authentication import authenticated
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
from sandbox.overrides import Override, applied
from sandbox.server import Server
from sandbox.sns.mail import Mail, Mailboxes
from sandbox.sqs.metrics import QueueMetrics
from sandbox.sqs.moves import MoveTasks
from sandbox.sqs.queues import Queues
from sandbox.wsgi import Application

REGION = "us-east-1"
IDLE_SECONDS = 60.0
ONE_A_PROCESS = threading.Lock()


class AlreadyRunningError(Exception):
    """Another sandbox runs in this process, and moto's state is shared by both."""


class NotIdleError(Exception):
    """Deliveries between the services did not come to an end."""


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
    """A running local organization; one a process, since moto's state belongs to the process."""

    endpoint: str
    services: Services
    faults: Faults

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._begin(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _begin(self, stack: ExitStack) -> None:
        if not ONE_A_PROCESS.acquire(blocking=False):
            raise AlreadyRunningError("one sandbox a process: stop the other one first")
        stack.callback(ONE_A_PROCESS.release)
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        moto_api_backend.reset()
        default_user_config["lambda"] = {"use_docker": True}  # the sandbox runs them itself
        stack.enter_context(security_hub.installed())
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
        functions, queues = Functions(self.endpoint, activity), Queues(activity)
        event_bridge = EventBridge(activity)
        self._metrics = QueueMetrics(activity)
        self._stack_sets = StackSetOperations()
        self.faults = Faults(functions)
        return Services(
            functions=functions,
            mailboxes=Mailboxes(),
            alarms=Alarms(self._metrics.publish_all),
            trails=Trails(event_bridge),
            event_bridge=event_bridge,
            queues=queues,
            pollers=Pollers(functions, queues, self._metrics, activity),
        )

    def _overrides(self) -> list[Override]:
        """Of the same attribute, the last one is the first that a call meets."""
        services, activity = self.services, self._activity
        return [
            *server.overrides(),
            *identities.overrides(),
            *organization_reads.overrides(),
            *OrganizationChanges().overrides(),
            *tables.overrides(),
            *services.queues.overrides(),
            *MoveTasks(activity).overrides(),
            *EventSources(services.functions.roles, activity).overrides(),
            *services.functions.overrides(),
            *self._stack_sets.overrides(),
            *role_templates.overrides(),
            *services.mailboxes.overrides(),
            *services.alarms.overrides(),
            *trail_administration.overrides(),
            *services.event_bridge.overrides(),
            *LogGroups(services.functions).overrides(),
            *authority.overrides(),
            *self.faults.overrides(),
        ]

    def _start(self, stack: ExitStack) -> None:
        services = self.services
        stack.enter_context(self._server.running())
        stack.enter_context(self._stack_sets.following())
        stack.enter_context(services.alarms.running())
        stack.enter_context(services.pollers.working())
        stack.enter_context(services.functions.running())
        stack.enter_context(services.pollers.polling())
        stack.callback(self.faults.clear)

    @property
    def deployer(self) -> AccessKey:
        return self._key

    def environment(self) -> dict[str, str]:
        """What a program needs to work here as an administrator of the management account."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            TOKEN_VARIABLE: self._token,
            "AWS_ACCESS_KEY_ID": self._key.id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, account: str = MANAGEMENT.id, region: str = REGION) -> Any:
        """A boto3 client of an administrator in the account."""
        options = self._credentials(account)
        return self._client(service, region, options)

    def record(self, event: Mapping[str, Any], *, detail_type: str | None = None) -> int:
        """Let CloudTrail record the event, and wait until all that follows from it is done.

        How many trails delivered it. To let it go one way only, or in two steps, use `log` and
        `emit` of `services.trails`, and `settle`.
        """
        delivered = self.services.trails.record(event, detail_type=detail_type)
        self.settle()
        return delivered

    def settle(self, within_seconds: float = IDLE_SECONDS) -> None:
        """Wait until nothing runs and nothing is left to do without more time passing."""
        self.services.pollers.retry_denied()
        if not self._activity.wait_until_idle(within_seconds):
            raise NotIdleError(f"functions are still at work after {within_seconds:.0f} s")
        self.services.functions.flush_logs()
        self._metrics.publish_changes()

    def let_time_pass(self) -> None:
        """Every message that is delayed or invisible shows itself, as if it had waited enough."""
        self.services.queues.let_time_pass()

    def mails(self) -> list[Mail]:
        return self.services.mailboxes.everything()

    def confirm_subscriptions(self) -> int:
        """Every addressee follows the link in the request to confirm; how many there were."""
        requests = self.services.mailboxes.confirmations()
        for mail in requests:
            _, _, _, region, account, _ = mail.topic_arn.split(":")
            topic = self.client("sns", account, region)
            topic.confirm_subscription(TopicArn=mail.topic_arn, Token=mail.token)
        return len(requests)

    def _credentials(self, account: str) -> dict[str, str]:
        """The account's own administrator, or the way in that an account has by CreateAccount."""
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

    def _client(self, service: str, region: str, credentials: dict[str, str]) -> Any:
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            config=Config(retries={"max_attempts": 1}),
            **credentials,
        )
