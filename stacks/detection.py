"""The security account's stack: alarms, topics and the finding importer."""

from collections.abc import Sequence
from pathlib import Path

from constructs import Construct

from compiler.detection import Detection
from config.settings import Settings
from modules.alarms import DetectionAlarm
from modules.alert_topics import AlertTopics
from modules.finding_importer import TIMEOUT_SECONDS, FindingImporter
from modules.sign_in_events import SignInEvents
from modules.watchdogs import Watchdogs
from stacks.base import RootwatchStack


class DetectionStack(RootwatchStack):
    def __init__(
        self, scope: Construct, settings: Settings, detections: Sequence[Detection], build: Path
    ) -> None:
        super().__init__(scope, "detection", settings)
        names = self.names
        security = self.provider("security", settings.accounts.security)
        topics = AlertTopics(self, "alert_topics", names=names, provider=security)
        importer = FindingImporter(
            self,
            "finding_importer",
            names=names,
            detections=[one for one in detections if "importer" in one.evaluated_by],
            topics=topics,
            build=build,
            provider=security,
        )
        sign_ins = SignInEvents(
            self,
            "sign_in_events",
            names=names,
            queue=importer.queue,
            dead_letter_queue=importer.dead_letter_queue,
            provider=security,
        )
        Watchdogs(
            self,
            "watchdogs",
            names=names,
            function_timeout_seconds=TIMEOUT_SECONDS,
            topic=topics.by_priority["high"],
            provider=security,
        )
        for detection in detections:
            if "metric_filter" in detection.evaluated_by:
                watched = DetectionAlarm(
                    self,
                    detection.name,
                    detection=detection,
                    names=names,
                    topic=topics.by_priority[detection.priority],
                    provider=security,
                )
                description = f"ARN of the alarm of the detection: {detection.title}."
                self.output(f"{detection.name}_alarm_arn", watched.alarm.arn, description)
        self._output_topics(topics)
        self._output_importer(importer)
        self.output(
            "event_bus_arn",
            sign_ins.bus.arn,
            "ARN of the event bus that receives root sign-ins from all accounts.",
        )

    def _output_topics(self, topics: AlertTopics) -> None:
        for priority, topic in topics.by_priority.items():
            description = f"ARN of the topic for alarms and notifications of {priority} priority."
            self.output(f"{priority}_priority_topic_arn", topic.arn, description)

    def _output_importer(self, importer: FindingImporter) -> None:
        self.output(
            "finding_importer_arn", importer.function.arn, "ARN of the finding importer's function."
        )
        self.output(
            "finding_importer_queue_arn",
            importer.queue.arn,
            "ARN of the finding importer's queue, for sign-in events and retries.",
        )
        self.output(
            "dead_letter_queue_arn",
            importer.dead_letter_queue.arn,
            "ARN of the dead-letter queue, for messages that need manual action.",
        )
