"""Finds a resource by its name, with its tags and the commands that delete it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from config.settings import DEPLOYMENT_TAG, Settings
from operations.preflight.aws import AccountClient, ReadError

type Words = tuple[str, ...]
type Find = Callable[[AccountClient, str], ExistingResource | None]
ABSENT = frozenset({"NotFound", "NotFoundException", "ResourceNotFoundException"})
NO_STACK_SET = frozenset({"StackSetNotFoundException"})
NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingResource:
    tags: Mapping[str, str]
    deletion: tuple[Words, ...] = ()  # commands of the AWS CLI, in order
    is_in_other_account: bool = False


def as_tags(listed: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """From a list of {Key, Value}, or of {TagKey, TagValue} as KMS returns it."""
    return {
        tag.get("Key", tag.get("TagKey", "")): tag.get("Value", tag.get("TagValue", ""))
        for tag in listed
    }


def is_tagged(settings: Settings, tags: Mapping[str, str]) -> bool:
    """With the tag of this deployment, which the configuration cannot set."""
    return tags.get(DEPLOYMENT_TAG) == settings.deployment


def bucket(account: AccountClient, name: str) -> ExistingResource | None:
    """A bucket name is unique in the partition: S3 returns 403 if another account owns the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    where = {"Bucket": name, "ExpectedBucketOwner": account.id}
    try:
        if account.find("s3", "HeadBucket", absent={"404"}, **where) is None:
            return None
    except ReadError as error:
        if error.code == "403":
            return ExistingResource(tags={}, is_in_other_account=True)
        raise
    tagging = account.find("s3", "GetBucketTagging", absent={"NoSuchTagSet"}, **where)
    tags = as_tags(tagging["TagSet"]) if tagging else {}
    return ExistingResource(tags=tags, deletion=(("s3api", "delete-bucket", "--bucket", name),))


def key_alias(account: AccountClient, name: str) -> ExistingResource | None:
    """The tags are those of the key: an alias has none."""
    key = account.find("kms", "DescribeKey", absent=ABSENT, KeyId=name)
    if key is None:
        return None
    tags = account.paginate("kms", "ListResourceTags", "Tags", KeyId=key["KeyMetadata"]["KeyId"])
    return ExistingResource(
        tags=as_tags(tags), deletion=(("kms", "delete-alias", "--alias-name", name),)
    )


def log_group(account: AccountClient, name: str) -> ExistingResource | None:
    groups = account.paginate("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name)
    found = next((group for group in groups if group["logGroupName"] == name), None)
    if found is None:
        return None
    arn = found["arn"].removesuffix(":*")
    tags = account.read("logs", "ListTagsForResource", resourceArn=arn)["tags"]
    deletion = ("logs", "delete-log-group", "--log-group-name", name)
    return ExistingResource(tags=tags, deletion=(deletion,))


def role(account: AccountClient, name: str) -> ExistingResource | None:
    found = account.find("iam", "GetRole", absent={"NoSuchEntity"}, RoleName=name)
    if found is None:
        return None
    tags = as_tags(found["Role"].get("Tags", []))
    return ExistingResource(tags=tags, deletion=_role_deletion(account, name))


def _role_deletion(account: AccountClient, name: str) -> tuple[Words, ...]:
    """IAM deletes a role only without policies."""
    own = account.paginate("iam", "ListRolePolicies", "PolicyNames", RoleName=name)
    attached = account.paginate(
        "iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name
    )
    of_role = ("--role-name", name)
    return (
        *(("iam", "delete-role-policy", *of_role, "--policy-name", one) for one in own),
        *(
            ("iam", "detach-role-policy", *of_role, "--policy-arn", one["PolicyArn"])
            for one in attached
        ),
        ("iam", "delete-role", *of_role),
    )


def function(account: AccountClient, name: str) -> ExistingResource | None:
    found = account.find("lambda", "GetFunction", absent=ABSENT, FunctionName=name)
    return ExistingResource(tags=found.get("Tags", {})) if found else None


def queue(account: AccountClient, name: str) -> ExistingResource | None:
    found = account.find("sqs", "GetQueueUrl", absent=NO_QUEUE, QueueName=name)
    if found is None:
        return None
    url = found["QueueUrl"]
    tags = account.read("sqs", "ListQueueTags", QueueUrl=url).get("Tags", {})
    return ExistingResource(tags=tags, deletion=(("sqs", "delete-queue", "--queue-url", url),))


def topic(account: AccountClient, arn: str) -> ExistingResource | None:
    if account.find("sns", "GetTopicAttributes", absent=ABSENT, TopicArn=arn) is None:
        return None
    tags = account.read("sns", "ListTagsForResource", ResourceArn=arn)["Tags"]
    return ExistingResource(
        tags=as_tags(tags), deletion=(("sns", "delete-topic", "--topic-arn", arn),)
    )


def table(account: AccountClient, name: str) -> ExistingResource | None:
    found = account.find("dynamodb", "DescribeTable", absent=ABSENT, TableName=name)
    if found is None:
        return None
    arn = found["Table"]["TableArn"]
    tags = account.paginate("dynamodb", "ListTagsOfResource", "Tags", ResourceArn=arn)
    deletion = ("dynamodb", "delete-table", "--table-name", name)
    return ExistingResource(tags=as_tags(tags), deletion=(deletion,))


def event_bus(account: AccountClient, name: str) -> ExistingResource | None:
    """EventBridge deletes an event bus only without rules.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html
    """
    found = account.find("events", "DescribeEventBus", absent=ABSENT, Name=name)
    if found is None:
        return None
    rules = account.paginate("events", "ListRules", "Rules", EventBusName=name)
    deletion = [words for one in rules for words in _rule_deletion(account, one["Name"], name)]
    deletion.append(("events", "delete-event-bus", "--name", name))
    return _of_events(account, found["Arn"], deletion)


def event_rule(account: AccountClient, name: str) -> ExistingResource | None:
    """On the default event bus."""
    found = account.find("events", "DescribeRule", absent=ABSENT, Name=name)
    return _of_events(account, found["Arn"], _rule_deletion(account, name)) if found else None


def _rule_deletion(account: AccountClient, name: str, bus: str = "default") -> list[Words]:
    """EventBridge deletes a rule only without targets.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html
    """
    listed = account.paginate("events", "ListTargetsByRule", "Targets", Rule=name, EventBusName=bus)
    targets = [target["Id"] for target in listed]
    on_bus = ("--event-bus-name", bus)
    remove = ("events", "remove-targets", "--rule", name, *on_bus, "--ids", *targets)
    return [*([remove] if targets else []), ("events", "delete-rule", "--name", name, *on_bus)]


def _of_events(account: AccountClient, arn: str, deletion: Iterable[Words]) -> ExistingResource:
    tags = account.read("events", "ListTagsForResource", ResourceARN=arn)["Tags"]
    return ExistingResource(tags=as_tags(tags), deletion=tuple(deletion))


def trail(account: AccountClient, arn: str) -> ExistingResource | None:
    found = account.read("cloudtrail", "DescribeTrails", trailNameList=[arn])["trailList"]
    if arn not in {one["TrailARN"] for one in found}:
        return None
    listed = account.paginate("cloudtrail", "ListTags", "ResourceTagList", ResourceIdList=[arn])
    tags = [tag for one in listed for tag in one["TagsList"]]
    return ExistingResource(tags=as_tags(tags))


def stack(account: AccountClient, name: str) -> ExistingResource | None:
    """CloudFormation returns ValidationError for a stack that does not exist."""
    found = account.find(
        "cloudformation", "DescribeStacks", absent={"ValidationError"}, StackName=name
    )
    return _of_cloudformation(found["Stacks"][0]) if found else None


def stack_set(account: AccountClient, name: str) -> ExistingResource | None:
    found = account.find(
        "cloudformation", "DescribeStackSet", absent=NO_STACK_SET, StackSetName=name
    )
    return _of_cloudformation(found["StackSet"]) if found else None


def _of_cloudformation(found: Mapping[str, Any]) -> ExistingResource:
    return ExistingResource(tags=as_tags(found.get("Tags", [])))
