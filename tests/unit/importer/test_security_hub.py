"""Credentials of member roles, and imports into the Security Hub of one account."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ParamValidationError
from botocore.parsers import ResponseParserError

from functions.finding_importer.aws import Credentials
from functions.finding_importer.delivery.security_hub import (
    MemberRoleCredentials,
    SecurityHubImporter,
)
from functions.finding_importer.findings.import_status import FailureCause, FindingImportFailure
from tests.unit.importer.builders import OWNER, finding, id_of
from tests.unit.importer.fakes import FakeSecurityHub, FakeSts, client_error

START = datetime(2025, 3, 4, tzinfo=UTC)
OTHER = "444455556666"


@dataclass
class WallClock:
    time: datetime = START

    def __call__(self) -> datetime:
        return self.time


def member_roles(sts: FakeSts, clock: WallClock | None = None) -> MemberRoleCredentials:
    sts.now = clock or WallClock()
    return MemberRoleCredentials(sts, "aws", "rootwatch-member", sts.now)


def credentials(roles: MemberRoleCredentials, account: str = OWNER) -> Credentials:
    found = roles.get(account)
    assert isinstance(found, Credentials)
    return found


class TestCredentials:
    def test_the_member_role_is_assumed_in_its_partition(self) -> None:
        sts = FakeSts()

        MemberRoleCredentials(sts, "aws-us-gov", "rootwatch-member").get(OWNER)

        assert sts.calls == [
            {
                "RoleArn": "arn:aws-us-gov:iam::111122223333:role/rootwatch-member",
                "RoleSessionName": "rootwatch-finding-importer",
            }
        ]

    def test_they_are_cached_for_each_account_until_five_minutes_before_they_expire(self) -> None:
        sts, clock = FakeSts(), WallClock()
        roles = member_roles(sts, clock)
        first = credentials(roles)

        clock.time = START + timedelta(minutes=54, seconds=59)
        assert credentials(roles) is first
        assert credentials(roles, OTHER).access_key_id == OTHER
        assert len(sts.calls) == 2

        clock.time = START + timedelta(minutes=55)
        assert credentials(roles).expiration == clock.time + timedelta(hours=1)
        assert len(sts.calls) == 3

    def test_discarded_credentials_are_requested_again(self) -> None:
        sts = FakeSts()
        roles = member_roles(sts)
        for account in (OWNER, OTHER):
            roles.get(account)

        roles.discard(OWNER)
        roles.discard("000000000000")
        for account in (OWNER, OTHER):
            roles.get(account)

        assert [call["RoleArn"].split(":")[4] for call in sts.calls] == [OWNER, OTHER, OWNER]

    def test_an_error_is_a_failure_with_its_cause(self) -> None:
        for error, cause in (
            (client_error("AccessDenied", "AssumeRole", 403), FailureCause.ROLE_NOT_ASSUMABLE),
            (client_error("RegionDisabledException", status=403), FailureCause.REGION_NOT_ENABLED),
            (client_error("Throttling", "AssumeRole"), FailureCause.THROTTLED),
            (ResponseParserError("no XML"), FailureCause.UNKNOWN),
        ):
            roles = member_roles(FakeSts(errors={OWNER: error}))

            assert roles.get(OWNER) == FindingImportFailure(cause, str(error))

    def test_a_failure_is_not_cached(self) -> None:
        sts = FakeSts(errors={OWNER: client_error("AccessDenied")})
        roles = member_roles(sts)
        assert isinstance(roles.get(OWNER), FindingImportFailure)

        sts.errors.clear()

        assert credentials(roles).access_key_id == OWNER

    def test_concurrent_threads_get_the_credentials_of_their_own_account(self) -> None:
        roles = member_roles(FakeSts())
        accounts = [f"{number:012}" for number in range(50)] * 4

        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda one: credentials(roles, one).access_key_id, accounts))

        assert keys == accounts


def asff(event_id: object, **detection_changes: Any) -> dict[str, Any]:
    return finding({"eventID": str(event_id)}, **detection_changes).asff


def causes(failures: dict[str, FindingImportFailure]) -> dict[str, FailureCause]:
    return {id_: failure.cause for id_, failure in failures.items()}


class TestImportFindings:
    def test_findings_are_imported_in_as_few_calls_as_possible(self) -> None:
        hub = FakeSecurityHub(OWNER)

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(101)])

        assert failures == {}
        assert [len(batch) for batch in hub.batches] == [100, 1]
        assert len(hub.states) == 101

    def test_a_call_has_at_most_6_mb_of_findings(self) -> None:
        calls: list[int] = []

        class Recorder:
            def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
                calls.append(sum(len(json.dumps(one)) for one in parameters["Findings"]))
                return {"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}

        findings = [{"Id": f"{number:02}", "Title": "x" * 99_975} for number in range(60)]
        longer = {"Id": "60", "Title": "x" * 99_976}
        for split in (findings, [*findings[1:], longer]):
            SecurityHubImporter(Recorder()).import_findings(split)

        assert calls == [6_000_000, 5_900_000, 100_001]

    def test_a_failed_finding_is_returned_by_its_id_and_affects_no_other(self) -> None:
        for code, cause in (
            ("InvalidAccess", FailureCause.HUB_NOT_ENABLED),
            ("InternalError", FailureCause.SERVICE_ERROR),
        ):
            for position in range(5):
                failed = id_of(OWNER, str(position))
                hub = FakeSecurityHub(OWNER, rejected={failed: code})

                failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(5)])

                assert causes(failures) == {failed: cause}
                assert len(hub.states) == 4

    def test_failures_of_several_calls_are_returned_together(self) -> None:
        failed = [id_of(OWNER, number) for number in ("1", "101")]
        hub = FakeSecurityHub(OWNER, rejected=dict.fromkeys(failed, "InvalidInput"))

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(102)])

        assert list(failures) == failed
        assert len(hub.states) == 100

    def test_a_call_that_is_invalid_as_a_whole_fails_its_invalid_findings_only(self) -> None:
        for error in (client_error("InvalidInputException"), ParamValidationError(report="Title")):
            for positions in ([0], [6], [12], [0, 12], [5, 6], list(range(13))):
                invalid = {id_of(OWNER, str(position)) for position in positions}
                client = AllOrNothingHub(FakeSecurityHub(OWNER), invalid, error)

                failures = SecurityHubImporter(client).import_findings([asff(n) for n in range(13)])

                assert causes(failures) == dict.fromkeys(invalid, FailureCause.FINDING_INVALID)
                assert len(client.hub.states) == 13 - len(invalid)
                assert client.calls <= 2 * 13

    def test_any_other_failed_call_fails_its_findings_without_a_retry(self) -> None:
        for error, cause in (
            (client_error("ThrottlingException"), FailureCause.THROTTLED),
            (client_error("InvalidAccessException"), FailureCause.HUB_NOT_ENABLED),
            (client_error("ExpiredTokenException"), FailureCause.CREDENTIALS_EXPIRED),
            (EndpointConnectionError(endpoint_url="https://x"), FailureCause.NO_RESPONSE),
        ):
            hub = FakeSecurityHub(OWNER)
            hub.errors.default = error

            failures = SecurityHubImporter(hub).import_findings([asff("a"), asff("b")])

            assert causes(failures) == dict.fromkeys((id_of(OWNER, "a"), id_of(OWNER, "b")), cause)
            assert hub.call_log == [f"import {OWNER}"]

    def test_a_failed_call_does_not_affect_the_next_call(self) -> None:
        hub = FakeSecurityHub(OWNER)
        hub.errors.next = [client_error("InternalException", "BatchImportFindings", 500)]

        failures = SecurityHubImporter(hub).import_findings([asff(n) for n in range(101)])

        assert len(failures) == 100
        assert list(hub.states) == [id_of(OWNER, "100")]

    @pytest.mark.parametrize("response", [{}, {"FailedFindings": [], "FailedCount": 1}])
    def test_a_response_that_does_not_list_each_failure_fails_all_findings(
        self, response: dict[str, Any]
    ) -> None:
        class Proxy:
            def batch_import_findings(self, **_: Any) -> dict[str, Any]:
                return {"ResponseMetadata": {"HTTPStatusCode": 200}, **response}

        failures = SecurityHubImporter(Proxy()).import_findings([asff("a"), asff("b")])

        ids = (id_of(OWNER, "a"), id_of(OWNER, "b"))
        assert causes(failures) == dict.fromkeys(ids, FailureCause.NO_RESPONSE)


@dataclass
class AllOrNothingHub:
    """Fails a call as a whole if any finding is invalid, as for the product of another company."""

    hub: FakeSecurityHub
    invalid: set[str]
    error: Exception
    calls: int = 0

    def batch_import_findings(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if any(one["Id"] in self.invalid for one in parameters["Findings"]):
            raise self.error
        return self.hub.batch_import_findings(**parameters)
