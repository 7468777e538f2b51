"""The security account's stack: alarms, topics, the finding importer and Security Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.alert_topics import AlertTopics
from modules.detection_alarm import DetectionAlarm
from modules.finding_importer import FindingImporter
from modules.security_hub_organization import SecurityHubOrganization
from stacks.base import RootwatchStack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from constructs import Construct

    from config.settings import Settings
    from detections.catalog import Detection


class DetectionStack(RootwatchStack):
    def __init__(
        self, scope: Construct, settings: Settings, detections: Sequence[Detection], build: Path
    ) -> None:
        super().__init__(scope, "detection", settings)
        security = self.provider("security", settings.accounts.security)
        topics = AlertTopics(
            self, "alert_topics", settings=settings, names=self.names, provider=security
        )
        importer = FindingImporter(
            self,
            "finding_importer",
            settings=settings,
            names=self.names,
            detections=detections,
            topics=topics,
            build=build,
            provider=security,
        )
        for detection in detections:
            alarm = DetectionAlarm(
                self,
                detection.name,
                detection=detection,
                names=self.names,
                topic=topics.alarms,
                provider=security,
            )
            self.output(
                f"{detection.name}_alarm_arn", alarm.alarm.arn, f"The alarm for: {detection.title}."
            )
        if settings.security_hub.managed:
            SecurityHubOrganization(
                self, "security_hub", settings=settings, names=self.names, provider=security
            )
        self.output("alarm_topic_arn", topics.alarms.arn, "The topic that alarms publish to.")
        self.output("notice_topic_arn", topics.notices.arn, "The topic that notices are sent to.")
        self.output("finding_importer_arn", importer.function.arn, "The finding importer.")
