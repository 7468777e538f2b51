"""The messages of all failing checks: what was found, and what is expected."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.settings import DEPLOYMENT_TAG, S3State, Settings
from operations.preflight import CHECKS
from operations.preflight.result import Status
from tests.unit.operations.fake_aws import (
    EXISTING,
    EXISTING_TRAIL,
    HEALTHY,
    LOG_ARCHIVE,
    MANAGEMENT,
    MINIMAL,
    SECURITY,
    ErrorResponse,
    FakeAws,
    context_of,
    delivering,
    run_one,
    trail,
    with_trails,
)

# The IDs are part of the interface of the command.
TITLES = {
    "access.credentials": "credentials",
    "access.log_archive": "access to the log archive account",
    "access.security": "access to the security account",
    "organization.identity": "organization",
    "organization.features": "feature set",
    "organization.accounts": "designated accounts",
    "organization.targets": "targets",
    "organization.exclusions": "excluded accounts",
    "organization.coverage": "member access of designated accounts",
    "trusted_access.cloudtrail": "trusted access for CloudTrail",
    "trusted_access.stack_sets": "trusted access for StackSets",
    "policies.service_control": "service control policies",
    "policies.security_hub": "Security Hub CSPM policies",
    "delegation.cloudtrail": "CloudTrail administrator",
    "delegation.security_hub": "Security Hub administrator",
    "security_hub.security": "Security Hub, security account",
    "security_hub.management": "Security Hub, management account",
    "security_hub.standards": "Security Hub standards",
    "security_hub.aggregator": "Security Hub aggregator",
    "security_hub.policies": "Security Hub policies",
    "security_hub.suspended": "suspended accounts",
    "names.management": "resource names, management account",
    "names.log_archive": "resource names, log archive account",
    "names.security": "resource names, security account",
    "trail.duplicate": "duplicate organization trail",
    "trail.quota": "number of trails",
    "trail.former": "former trail of Rootwatch",
    "trail.coverage": "existing trail",
    "trail.events": "events of the existing trail",
    "trail.delivery": "delivery of the existing trail",
    "trail.destination": "destination of the existing trail",
    "trail.log_group": "quotas of its log group",
    "deployment.state": "Terraform state",
    "deployment.accounts": "accounts of the deployment",
    "deployment.terraform": "Terraform version",
}
DENIED = ErrorResponse("AccessDenied", "No.", 403)
ORGANIZATION = HEALTHY["organizations:DescribeOrganization"]["Organization"]
ENABLED = {"securityhub:DescribeHub": {"HubArn": "arn"}}
UNMANAGED = replace(MINIMAL, security_hub=replace(MINIMAL.security_hub, managed=False))
IN_S3 = S3State(bucket="states", region="eu-west-1", key_prefix="x", kms_key_id=None)
DATA_EVENTS = {
    "AdvancedEventSelectors": [
        {"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]},
    ]
}
STANDARDS = {
    "securityhub:GetEnabledStandards": {
        "StandardsSubscriptions": [
            {
                "StandardsArn": "arn:aws:securityhub:::ruleset/cis/v/1.2.0",
                "StandardsSubscriptionArn": "arn:subscription",
            }
        ]
    }
}
TARGETS = (("ROOT", "r-exam"), ("ORGANIZATIONAL_UNIT", "ou-exam-12345678"), ("ACCOUNT", SECURITY))
POLICIES = {
    "securityhub:ListOrganizationAdminAccounts": {"AdminAccounts": [{"AccountId": SECURITY}]},
    "securityhub:DescribeOrganizationConfiguration": {
        "OrganizationConfiguration": {"ConfigurationType": "CENTRAL"}
    },
    "securityhub:ListConfigurationPolicyAssociations": {
        "ConfigurationPolicyAssociationSummaries": [
            {"ConfigurationPolicyId": "p", "TargetType": kind, "TargetId": id_}
            for kind, id_ in TARGETS
        ]
    },
    "securityhub:ListConfigurationPolicies": {
        "ConfigurationPolicySummaries": [{"Id": "p", "Name": "baseline"}]
    },
}


@dataclass(frozen=True, slots=True)
class MessageCase:
    check: str
    responses: dict[str, Any]
    detail: str
    expected: str
    settings: Settings = MINIMAL
    status: Status = Status.FAIL
    commands: int = 0
    config: tuple[str, ...] = ()
    config_is_alternative: bool = False


def organization(**changes: Any) -> Settings:
    return replace(MINIMAL, organization=replace(MINIMAL.organization, **changes))


CASES = (
    MessageCase(
        "access.security",
        {"sts:AssumeRole": DENIED},
        "cannot assume OrganizationAccountAccessRole in 333333333333: No.",
        (
            "a role OrganizationAccountAccessRole in account 333333333333 that "
            "arn:aws:iam::111111111111:user/deployer can assume, or the name of another role in "
            "deployment_role; an administrator of 333333333333 creates it"
        ),
        commands=2,
    ),
    MessageCase(
        "organization.identity",
        {"organizations:DescribeOrganization": ErrorResponse("AWSOrganizationsNotInUseException")},
        "111111111111 is not in an organization",
        "111111111111 is the management account of an organization",
        commands=1,
    ),
    MessageCase(
        "organization.features",
        {
            "organizations:DescribeOrganization": {
                "Organization": ORGANIZATION | {"FeatureSet": "CONSOLIDATED_BILLING"}
            }
        },
        "feature set CONSOLIDATED_BILLING",
        "feature set ALL; each invited account must accept the change",
        commands=1,
    ),
    MessageCase(
        "organization.accounts",
        {"organizations:DescribeAccount": ErrorResponse("AccountNotFoundException")},
        "222222222222 is not in the organization; 333333333333 is not in the organization",
        "accounts.log_archive and accounts.security are active accounts of this organization",
        commands=1,
    ),
    MessageCase(
        "organization.targets",
        {"organizations:ListAccountsForParent": {"Accounts": []}},
        "r-exam contains no active member account",
        "each target exists, is not below another target, and contains an active member account",
        commands=1,
        config=("organization:", "  targets: [r-exam]"),
    ),
    MessageCase(
        "organization.exclusions",
        {"organizations:ListParents": ErrorResponse("ChildNotFoundException")},
        "not below the targets: 444444444444",
        "all excluded accounts are below the targets",
        settings=organization(excluded_accounts=("444444444444",)),
        config=("organization:", "  excluded_accounts: []"),
    ),
    MessageCase(
        "organization.coverage",
        {},
        "without member access: security 333333333333",
        (
            "all designated accounts have member access; without it, only the trail delivers "
            "their events, minutes later, and their findings are fallback findings"
        ),
        settings=organization(excluded_accounts=(SECURITY,)),
        status=Status.WARN,
        config=("organization:", "  targets: [r-exam]", "  excluded_accounts: []"),
    ),
    MessageCase(
        "trusted_access.cloudtrail",
        {"organizations:ListAWSServiceAccessForOrganization": {"EnabledServicePrincipals": []}},
        "not enabled",
        "trusted access for CloudTrail enabled; an organization trail requires it",
        commands=1,
    ),
    MessageCase(
        "trusted_access.stack_sets",
        {"organizations:ListAWSServiceAccessForOrganization": {"EnabledServicePrincipals": []}},
        "not enabled in AWS Organizations",
        (
            "trusted access for StackSets enabled in both services; the stack set requires it to "
            "deploy to member accounts"
        ),
        commands=1,
    ),
    MessageCase(
        "policies.security_hub",
        {
            "organizations:ListRoots": {
                "Roots": [
                    {
                        "Id": "r-exam",
                        "PolicyTypes": [{"Type": "SECURITYHUB_CSPM_POLICY", "Status": "ENABLED"}],
                    }
                ]
            },
            "organizations:ListPolicies": {"Policies": [{"Id": "p-1", "Name": "hub"}]},
            "organizations:DescribePolicy": {"Policy": {"Content": "{}"}},
        },
        "hub",
        (
            "no Security Hub CSPM policies; to keep them, set security_hub.managed to false, and "
            "list us-east-1 in enable_in_regions for all accounts"
        ),
        config=("security_hub:", "  managed: false"),
    ),
    MessageCase(
        "delegation.cloudtrail",
        {
            "organizations:ListDelegatedAdministrators": {
                "DelegatedAdministrators": [{"Id": f"{n}" * 12} for n in (4, 5, 6)]
            }
        },
        "3 other administrators: 444444444444, 555555555555, 666666666666",
        (
            "at most 2 other administrators, so that 333333333333 can be added; an administrator "
            "that is deregistered can no longer manage its organization trails"
        ),
    ),
    MessageCase(
        "delegation.security_hub",
        {
            "organizations:ListDelegatedAdministrators": {
                "DelegatedAdministrators": [{"Id": "4" * 12}]
            }
        },
        "other administrators: 444444444444",
        (
            "only 333333333333 administers Security Hub, in every Region; to keep the other "
            "administrator, set security_hub.managed to false"
        ),
        config=("security_hub:", "  managed: false"),
    ),
    MessageCase(
        "security_hub.security",
        {},
        "not enabled in 333333333333",
        "Security Hub enabled in 333333333333, which stores the fallback findings",
        settings=UNMANAGED,
        commands=1,
    ),
    MessageCase(
        "security_hub.management",
        {},
        "not enabled in 111111111111",
        (
            "Security Hub enabled in 111111111111, where a Security Hub administrator cannot "
            "enable it; otherwise its findings are fallback findings in the security account"
        ),
        settings=UNMANAGED,
        status=Status.WARN,
        commands=1,
    ),
    MessageCase(
        "security_hub.management",
        ENABLED,
        "enabled in 111111111111, not by Rootwatch; the deployment cannot enable it again",
        (
            "in Terraform's state; after this command, the preflight prints how to import it. "
            "`make destroy` then disables Security Hub in this account, and AWS deletes its "
            "findings later. To keep it, run `terraform state rm` before `make destroy`"
        ),
        commands=1,
    ),
    MessageCase(
        "security_hub.standards",
        STANDARDS,
        "cis/v/1.2.0 in 111111111111, cis/v/1.2.0 in 222222222222, cis/v/1.2.0 in 333333333333",
        (
            "no standards are enabled, because Rootwatch's configuration policy disables them; or"
            " local configuration, which does not change existing accounts"
        ),
        config=("security_hub:", "  managed: true", "  configuration: local"),
    ),
    MessageCase(
        "security_hub.policies",
        POLICIES,
        "not created by Rootwatch: baseline (r-exam, ou-exam-12345678, 333333333333)",
        (
            "only Rootwatch's configuration policy; to keep the others, set security_hub.managed "
            "to false"
        ),
        config=("security_hub:", "  managed: false"),
    ),
    MessageCase(
        "security_hub.suspended",
        {"organizations:ListAccounts": {"Accounts": [{"Id": "4" * 12, "State": "SUSPENDED"}]}},
        "below the targets: 444444444444",
        (
            "no suspended account below the targets, or local configuration; otherwise AWS may "
            "report the association of Rootwatch's configuration policy as failed"
        ),
        status=Status.WARN,
        config=("security_hub:", "  managed: true", "  configuration: local"),
    ),
    MessageCase(
        "trail.coverage",
        with_trails(),
        "trail main does not exist",
        "an existing organization trail, or one that Rootwatch creates",
        settings=EXISTING,
        config=("trail:", "  managed: true"),
    ),
    MessageCase(
        "trail.coverage",
        with_trails(delivering("main", IsMultiRegionTrail=False)),
        "not a multi-Region trail",
        "main logs the events of all accounts and Regions",
        settings=EXISTING,
        commands=1,
    ),
    MessageCase(
        "trail.events",
        {**EXISTING_TRAIL, "cloudtrail:GetEventSelectors": DATA_EVENTS},
        "does not log root sign-ins",
        "main logs write management events, which include root sign-ins",
        settings=EXISTING,
        commands=1,
    ),
    MessageCase(
        "trail.delivery",
        {**EXISTING_TRAIL, "cloudtrail:GetTrailStatus": {"IsLogging": False}},
        "stopped",
        "logging is started",
        settings=EXISTING,
        commands=1,
    ),
    MessageCase(
        "trail.delivery",
        {
            **EXISTING_TRAIL,
            "cloudtrail:GetTrailStatus": {"IsLogging": True, "LatestDeliveryError": "NoSuchBucket"},
        },
        "LatestDeliveryError: NoSuchBucket",
        "the policies of the bucket, the key and the log delivery role allow CloudTrail to deliver",
        settings=EXISTING,
        commands=1,
    ),
    MessageCase(
        "trail.destination",
        with_trails(trail("main")),
        "no log group",
        "main delivers to a log group in 333333333333",
        settings=EXISTING,
        commands=5,
    ),
    MessageCase(
        "trail.destination",
        with_trails(delivering("main", account=LOG_ARCHIVE)),
        "log group trails/main in 222222222222, us-east-1; bucket main-logs",
        (
            "log group trails/main in 333333333333, us-east-1; bucket main-logs, as in the "
            "configuration"
        ),
        settings=EXISTING,
        config=(
            "trail:",
            "  managed: false",
            "  name: main",
            "  log_group: trails/main",
            "  bucket: main-logs",
            "accounts:",
            '  security: "222222222222"',
        ),
    ),
    MessageCase(
        "trail.log_group",
        {**EXISTING_TRAIL, "logs:DescribeLogGroups": {"logGroups": []}},
        "log group trails/main does not exist",
        "the log group that the trail delivers to, in 333333333333, us-east-1",
        settings=EXISTING,
        commands=1,
    ),
    MessageCase(
        "trail.log_group",
        {
            **EXISTING_TRAIL,
            "logs:DescribeLogGroups": {
                "logGroups": [
                    {"logGroupName": "trails/main", "arn": "a", "logGroupClass": "DELIVERY"}
                ]
            },
        },
        "log class DELIVERY",
        "log class STANDARD; the others do not support metric filters",
        settings=EXISTING,
    ),
    MessageCase(
        "trail.duplicate",
        with_trails(delivering("a", account=MANAGEMENT)),
        "a (log group trails/a in 111111111111, us-east-1)",
        (
            "Rootwatch uses the existing trail, so that AWS charges for its events once; the "
            "account of its log group becomes the security account, and the management account "
            "cannot be the Security Hub administrator"
        ),
        config=(
            "trail:",
            "  managed: false",
            "  name: a",
            "  log_group: trails/a",
            "  bucket: a-logs",
            "accounts:",
            '  security: "111111111111"',
            "security_hub:",
            "  managed: false",
        ),
    ),
    MessageCase(
        "trail.duplicate",
        with_trails(trail("a")),
        "a (no log group)",
        (
            "Rootwatch uses the existing trail, so that AWS charges for its events once; it "
            "requires a log group in the security account"
        ),
        commands=5,
        config=(
            "trail:",
            "  managed: false",
            "  name: a",
            "  log_group: cloudtrail/a",
            "  bucket: a-logs",
        ),
    ),
    MessageCase(
        "trail.duplicate",
        with_trails(delivering("main"), trail("a")),
        "a (no log group), in addition to main",
        (
            "one organization trail that logs management events; before you stop one of them, "
            "check who reads its bucket and its log group"
        ),
        settings=EXISTING,
        status=Status.WARN,
    ),
    MessageCase(
        "deployment.state",
        {
            "cloudformation:DescribeStackSet": {
                "StackSet": {"Tags": [{"Key": DEPLOYMENT_TAG, "Value": MINIMAL.deployment}]}
            }
        },
        "deployed, but no state in the project folder: organization",
        (
            "the states of the existing deployment, or their location in the configuration; "
            "without them, Terraform would create everything again"
        ),
    ),
    MessageCase(
        "deployment.state",
        {"s3:GetObject": ErrorResponse("NoSuchBucket")},
        "bucket states does not exist",
        "the bucket for the states exists",
        settings=replace(MINIMAL, state=IN_S3),
        commands=1,
    ),
)


def test_ids_and_titles() -> None:
    assert {check.id: check.title for check in CHECKS} == TITLES


def test_a_failing_check_reports_what_it_found_and_what_is_expected(tmp_path: Path) -> None:
    aws = FakeAws()
    for case in CASES:
        aws.responses = case.responses
        context = context_of(tmp_path, settings=case.settings, aws=aws)
        found = run_one(context, case.check)

        assert found.remedy, case
        assert (found.detail, found.remedy.expected) == (case.detail, case.expected)
        assert found.status is case.status
        assert len(found.remedy.commands) == case.commands, case
        assert found.remedy.config == case.config, case
        assert found.remedy.config_is_alternative is case.config_is_alternative, case


READ_ONLY = re.compile(r"aws \S+ (describe|get|list|head)-|make synth$|terraform \S+ init$")
ADDS = re.compile(
    r"aws \S+ (create|register|enable|activate|attach|start)-|terraform \S+ import |"
    r"aws iam put-role-policy |aws cloudtrail update-trail .*--cloud-watch-logs-log-group-arn"
)


def test_a_command_that_changes_what_is_in_use_has_an_effect(tmp_path: Path) -> None:
    aws, effects = FakeAws(), list[str]()
    for case in CASES:
        aws.responses = case.responses
        found = run_one(context_of(tmp_path, settings=case.settings, aws=aws), case.check)
        for command in found.remedy.commands if found.remedy else ():
            if not READ_ONLY.match(command.line) and not ADDS.match(command.line):
                assert command.effect, command.line
                effects.append(command.effect)

    assert effects
