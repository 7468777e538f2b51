"""What people see of the deployed system, through AWS's APIs and their mailboxes."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from typing import Any

from sandbox.local import Sandbox
from sandbox.organizations.organization import ACCOUNTS, SECURITY
from sandbox.sns.mail import Mail

PREFIX = "rootwatch-prod"  # of config/complete.yaml
IMPORTER = f"{PREFIX}-finding-importer"
LOG_GROUP = f"/{PREFIX}/organization-trail"
QUEUE = IMPORTER
DEAD_LETTER_QUEUE = f"{IMPORTER}-dead-letter-queue"
IDEMPOTENCY_TABLE = f"{PREFIX}-idempotency"
# The addresses in config/complete.yaml.
ADDRESSES = {"security@example.com", "on-call@example.com"}
LOW_PRIORITY_ADDRESSES = {"security@example.com"}
ALARM_SECONDS = 10
ALARM_SUBJECTS = ("ALARM: ", "OK: ")  # the begin of a subject


def alarm_name(detection: str) -> str:
    return f"{PREFIX}-{detection.replace('_', '-')}"


class Observer:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.begin()
        self._findings_before = {
            account.id: {finding["Id"] for finding in self._findings(account.id)}
            for account in ACCOUNTS
        }

    def begin(self) -> None:
        """Mails that are there already are of no interest any more."""
        self._mails_before = len(self.sandbox.services.mailboxes.messages())

    def deliver(self, *records: dict[str, Any]) -> None:
        """Put records into the trail's log group, and wait until all that follows is done."""
        self.put(*records)
        self.sandbox.settle()

    def put(self, *records: Any) -> None:
        """Put records into the trail's log group in one delivery, as CloudTrail may batch them."""
        logs = self.sandbox.client("logs", SECURITY.id)
        stream = f"delivery-{time.monotonic_ns()}"
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        now = int(self.sandbox.clock.time() * 1000)
        events = [{"timestamp": now, "message": json.dumps(record)} for record in records]
        logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)

    def invoke(self, event: Any) -> None:
        """Invoke the function as CloudWatch Logs does, asynchronously."""
        function = self.sandbox.client("lambda", SECURITY.id)
        payload = json.dumps(event).encode()
        function.invoke(FunctionName=IMPORTER, InvocationType="Event", Payload=payload)

    def send(self, event: Any) -> None:
        """Put an event into the importer's queue, as a rule of EventBridge does."""
        self._sqs.send_message(QueueUrl=self._url(QUEUE), MessageBody=json.dumps(event))

    def let_time_pass(self) -> None:
        """Advance the clock until delayed messages in the queues are visible again.

        And for the claims of invocations that are over, and took no note of it.
        """
        self._end_claims()
        self.sandbox.let_time_pass()
        self.sandbox.settle()

    def _end_claims(self) -> None:
        table = self.sandbox.client("dynamodb", SECURITY.id)
        claimed = {
            "FilterExpression": "#status = :claimed",
            "ExpressionAttributeNames": {"#status": "status"},
            "ExpressionAttributeValues": {":claimed": {"S": "INPROGRESS"}},
        }
        for page in table.get_paginator("scan").paginate(TableName=IDEMPOTENCY_TABLE, **claimed):
            for item in page["Items"]:
                past = {**item, "in_progress_expiration": {"N": "0"}}
                table.put_item(TableName=IDEMPOTENCY_TABLE, Item=past)

    def drain(self) -> None:
        """Until nothing waits in the importer's queue."""
        self.sandbox.settle()
        while self.waiting():
            self.let_time_pass()

    @contextmanager
    def environment(self, **variables: str) -> Iterator[None]:
        """Other environment variables of the function, for a while."""
        function = self.sandbox.client("lambda", SECURITY.id)
        deployed = function.get_function_configuration(FunctionName=IMPORTER)["Environment"]
        changed = {"Variables": {**deployed["Variables"], **variables}}
        function.update_function_configuration(FunctionName=IMPORTER, Environment=changed)
        try:
            yield
        finally:
            function.update_function_configuration(FunctionName=IMPORTER, Environment=deployed)

    @contextmanager
    def timeout(self, seconds: int) -> Iterator[None]:
        """Less time for the function, for a while."""
        function = self.sandbox.client("lambda", SECURITY.id)
        deployed = function.get_function_configuration(FunctionName=IMPORTER)["Timeout"]
        function.update_function_configuration(FunctionName=IMPORTER, Timeout=seconds)
        try:
            yield
        finally:
            function.update_function_configuration(FunctionName=IMPORTER, Timeout=deployed)

    def waiting(self) -> int:
        """How many messages are in the importer's queue, seen or not."""
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._url(QUEUE), AttributeNames=["All"]
        )["Attributes"]
        counts = ("", "NotVisible", "Delayed")
        return sum(int(attributes[f"ApproximateNumberOfMessages{count}"]) for count in counts)

    def dead_letter_messages(self) -> list[dict[str, Any]]:
        """All messages in the dead-letter queue, which stay there."""
        messages: list[dict[str, Any]] = []
        while received := self._receive():
            messages += received
        for message in messages:
            self._sqs.change_message_visibility(
                QueueUrl=self._url(DEAD_LETTER_QUEUE),
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=0,
            )
        return [
            {
                "body": message["Body"],
                "reason": message.get("MessageAttributes", {}).get("reason", {}).get("StringValue"),
            }
            for message in messages
        ]

    def delete_dead_letter_messages(self) -> None:
        while messages := self._receive():
            for message in messages:
                self._sqs.delete_message(
                    QueueUrl=self._url(DEAD_LETTER_QUEUE), ReceiptHandle=message["ReceiptHandle"]
                )

    def put_back(self) -> None:
        """As the README says."""
        self._sqs.start_message_move_task(
            SourceArn=self._arn(DEAD_LETTER_QUEUE), DestinationArn=self._arn(QUEUE)
        )
        self.sandbox.settle()

    def findings(self, account: str) -> list[dict[str, Any]]:
        """New ones, as the account itself sees them."""
        before = self._findings_before[account]
        return [finding for finding in self._findings(account) if finding["Id"] not in before]

    def findings_everywhere(self) -> dict[str, list[dict[str, Any]]]:
        found = {account.id: self.findings(account.id) for account in ACCOUNTS}
        return {account: findings for account, findings in found.items() if findings}

    def active(self, *records: dict[str, Any]) -> list[dict[str, Any]]:
        """The active findings of these events in all accounts, as the security account sees."""
        ids = [{"Value": f"/{record['eventID']}", "Comparison": "CONTAINS"} for record in records]
        state = [{"Value": "ACTIVE", "Comparison": "EQUALS"}]
        hub = self.sandbox.client("securityhub", SECURITY.id)
        pages = hub.get_paginator("get_findings").paginate(
            Filters={"Id": ids, "RecordState": state}
        )
        return [finding for page in pages for finding in page["Findings"]]

    def notifications_of(self, record: dict[str, Any]) -> list[Mail]:
        """Of one event, to one of the addressees."""
        address = min(LOW_PRIORITY_ADDRESSES)
        return [
            mail
            for priority in ("high", "low")
            for mail in self.notifications(priority)
            if mail.to == address and record["eventID"] in mail.body
        ]

    def steps(self, record: dict[str, Any]) -> list[str]:
        """What the function's log says of an event."""
        lines = [json.loads(line) for line in self.importer_log() if record["eventID"] in line]
        return [line["message"] for line in lines if line.get("correlation_id")]

    def notifications(self, priority: str = "high") -> list[Mail]:
        return [mail for mail in self._of(priority) if not mail.subject.startswith(ALARM_SUBJECTS)]

    def high_priority(self) -> list[Mail]:
        """All new mails on this topic."""
        return self._of("high")

    def alarm_mails(self, detection: str, priority: str = "high") -> list[Mail]:
        subject = f'ALARM: "{alarm_name(detection)}" in '
        return [mail for mail in self._of(priority) if mail.subject.startswith(subject)]

    def alarm_state(self, detection: str) -> str:
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        names = [alarm_name(detection)]
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        return str(alarm["StateValue"])

    def wait_for_alarm(self, name: str) -> None:
        """AssertionError if it does not go up: alarms act on their own, a little later."""
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        deadline = time.monotonic() + ALARM_SECONDS
        while time.monotonic() < deadline:
            (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
            if alarm["StateValue"] == "ALARM":
                return
            time.sleep(0.05)
        raise AssertionError(f"{name} is not up")

    def counted(self, detection: str) -> int:
        """How many records the detection's metric filter has counted until now."""
        return self._sum(detection, [])

    def metric(self, name: str) -> int:
        """What the function itself has counted until now."""
        return self._sum(name, [{"Name": "service", "Value": "finding_importer"}])

    def _sum(self, metric: str, dimensions: list[dict[str, str]]) -> int:
        cloudwatch = self.sandbox.client("cloudwatch", SECURITY.id)
        now = self.sandbox.clock.now().replace(tzinfo=UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace=PREFIX,
            MetricName=metric,
            Dimensions=dimensions,
            StartTime=now - timedelta(days=2),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return int(sum(point["Sum"] for point in points))

    def importer_log(self) -> list[str]:
        """All lines that the function has written."""
        logs = self.sandbox.client("logs", SECURITY.id)
        group = f"/aws/lambda/{IMPORTER}"
        pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group)
        return [
            event["message"]
            for page in pages
            for stream in page["logStreams"]
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]

    @property
    def _sqs(self) -> Any:
        return self.sandbox.client("sqs", SECURITY.id)

    def _url(self, queue: str) -> str:
        return f"{self.sandbox.endpoint}/{SECURITY.id}/{queue}"

    def _arn(self, queue: str) -> str:
        return f"arn:aws:sqs:us-east-1:{SECURITY.id}:{queue}"

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url(DEAD_LETTER_QUEUE),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=600,
        )
        return list(answer.get("Messages", []))

    def _of(self, priority: str) -> list[Mail]:
        new = self.sandbox.services.mailboxes.messages()[self._mails_before :]
        return [mail for mail in new if mail.topic_arn.endswith(f":{PREFIX}-{priority}-priority")]

    def _findings(self, account: str) -> list[dict[str, Any]]:
        hub = self.sandbox.client("securityhub", account)
        pages = hub.get_paginator("get_findings").paginate()
        return [finding for page in pages for finding in page["Findings"]]
