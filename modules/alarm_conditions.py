"""When an alarm goes into ALARM, and how late a datapoint can arrive and still count.

CloudWatch evaluates an alarm once a minute, over periods that end with the last whole minute.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

AWS does not document which timestamp CloudTrail gives to its log events. A datapoint has either
the time of the event or the time of its delivery, and both must raise the alarm. Let e be the time
of an event, L the maximum delay of its delivery, p the delay of the metric, and m the margin.
CloudWatch stores the datapoint under the minute that contains e, which begins less than a minute
before e. The datapoint is available at e + L + p, and the next evaluation follows within a minute.
So the evaluated periods have to reach back L + p and two minutes. They reach back L + m, which
leaves m minus two minutes for p.
"""

from dataclasses import dataclass
from typing import Literal

type Statistic = Literal["Maximum", "Sum"]

MINUTE_SECONDS = 60
# AWS states about five minutes on average, without a guarantee.
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/monitor-cloudtrail-log-files-with-cloudwatch-logs.html
MAX_DELIVERY_DELAY_SECONDS = 15 * MINUTE_SECONDS
EVALUATION_MARGIN_SECONDS = 5 * MINUTE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmCondition:
    """In ALARM while `breaching_periods` of the last `evaluated_periods` are breaching."""

    statistic: Statistic
    threshold: int = 1
    comparison: Literal["GreaterThanOrEqualToThreshold", "LessThanThreshold"] = (
        "GreaterThanOrEqualToThreshold"
    )
    period_seconds: int = MINUTE_SECONDS
    evaluated_periods: int = 1
    breaching_periods: int = 1
    missing_data: Literal["notBreaching", "breaching"] = "notBreaching"


def any_occurrence(max_delay_seconds: int, statistic: Statistic = "Maximum") -> AlarmCondition:
    """At least one, although its datapoint arrives up to this much later.

    A forged datapoint with a negative value can cancel a sum, but no maximum. AWS alone writes the
    metrics of its namespaces, which it documents as sums.
    """
    seconds = max_delay_seconds + EVALUATION_MARGIN_SECONDS
    return AlarmCondition(statistic=statistic, evaluated_periods=seconds // MINUTE_SECONDS)


def occurrences(count: int, within_seconds: int, max_delay_seconds: int) -> AlarmCondition:
    """At least `count` within a time, although their datapoints arrive up to this much later.

    The period is longer than the time, by the delay and the margin. At the evaluation that follows
    the last arrival, it contains all datapoints, also if their timestamps are those of deliveries
    with different delays. Periods do not have fixed boundaries: they move by a minute with each
    evaluation, so that none divides the occurrences.
    """
    if count == 1:
        return any_occurrence(max_delay_seconds)
    seconds = within_seconds + max_delay_seconds + EVALUATION_MARGIN_SECONDS
    return AlarmCondition(statistic="Sum", threshold=count, period_seconds=seconds)


def level(threshold: int) -> AlarmCondition:
    """A value that the service reports every minute."""
    return AlarmCondition(statistic="Maximum", threshold=threshold)


def silence(minutes: int) -> AlarmCondition:
    """Nothing counted in each of the last minutes. Without data, the alarm is in ALARM."""
    return AlarmCondition(
        statistic="Sum",
        comparison="LessThanThreshold",
        evaluated_periods=minutes,
        breaching_periods=minutes,
        missing_data="breaching",
    )
