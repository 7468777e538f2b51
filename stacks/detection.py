"""The security account's stack: alarms, topics, the finding importer and Security Hub."""

from collections.abc import Sequence
from pathlib import Path

from constructs import Construct

from compiler.detection import Detection
from config.settings import Settings
from modules.alert_topics import AlertTopics
from modules.aws import AwsProvider
from modules.detection_alarm import DetectionAlarm
from modules.finding_importer import FindingImporter
from modules.security_hub_organization import SecurityHubOrganization
from modules.sign_in_events import SignInEvents
from stacks.base import RootwatchStack


class DetectionStack(RootwatchStack):
    def __init__(
        self, scope: Construct, settings: Settings, detections: Sequence[Detection], build: Path
    ) -> None:
        super().__init__(scope, "detection", settings)
        security = self.provider("security", settings.accounts.security)
        # There also where Security Hub is managed elsewhere: what was managed here before is
        # removed by it.
        management = self.provider("management", settings.accounts.management)
        topics = AlertTopics(
            self, "alert_topics", settings=settings, names=self.names, provider=security
        )
        importer = FindingImporter(
            self,
            "finding_importer",
            settings=settings,
            names=self.names,
            detections=[one for one in detections if "importer" in one.evaluated_by],
            topics=topics,
            build=build,
            provider=security,
        )
        sign_ins = SignInEvents(
            self,
            "sign_in_events",
            settings=settings,
            names=self.names,
            queue=importer.queue,
            dead_letters=importer.dead_letters,
            provider=security,
        )
        for detection in detections:
            if "metric_filter" in detection.evaluated_by:
                self._watch(detection, topics, security)
        if settings.security_hub.managed:
            SecurityHubOrganization(
                self,
                "security_hub",
                settings=settings,
                names=self.names,
                management=management,
                provider=security,
            )
        for priority, topic in topics.of_priority.items():
            told = f"The topic for alarms and notifications of {priority} priority."
            self.output(f"{priority}_priority_topic_arn", topic.arn, told)
        self.output("finding_importer_arn", importer.function.arn, "The finding importer.")
        self.output(
            "finding_importer_queue_arn",
            importer.queue.arn,
            "The queue of what arrives at the finding importer, or is tried again.",
        )
        self.output(
            "dead_letter_queue_arn",
            importer.dead_letters.arn,
            "The queue of what a person has to look at.",
        )
        self.output(
            "event_bus_arn",
            sign_ins.bus.arn,
            "The event bus to which every account sends root's sign-ins.",
        )

    def _watch(self, detection: Detection, topics: AlertTopics, security: AwsProvider) -> None:
        alarm = DetectionAlarm(
            self,
            detection.name,
            detection=detection,
            names=self.names,
            topic=topics.of_priority[detection.priority],
            provider=security,
        )
        self.output(
            f"{detection.name}_alarm_arn", alarm.alarm.arn, f"The alarm for: {detection.title}."
        )
