"""Kinds of resources: does one of a name exist, what tags has it, and what deletes it?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from operations.preflight.cloud import Account
from operations.preflight.errors import ReadError
from operations.preflight.tags import tags_of

type Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    tags: Mapping[str, str]
    deletion: tuple[Words, ...]  # of the AWS command line, in order
    is_elsewhere: bool = False  # in an account that nobody knows


type Look = Callable[[Account, str], Existing | None]
ABSENT = frozenset({"NotFound", "NotFoundException", "ResourceNotFoundException"})
NO_STACK_SET = frozenset({"StackSetNotFoundException"})
NO_QUEUE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})


def bucket(account: Account, name: str) -> Existing | None:
    """Its name is the whole partition's: S3 says 403 where it is of another account.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    where = {"Bucket": name, "ExpectedBucketOwner": account.id}
    try:
        if account.find("s3", "HeadBucket", absent={"404"}, **where) is None:
            return None
    except ReadError as error:
        if error.code == "403":
            return Existing(tags={}, deletion=(), is_elsewhere=True)
        raise
    tagging = account.find("s3", "GetBucketTagging", absent={"NoSuchTagSet"}, **where)
    tags = tags_of(tagging["TagSet"]) if tagging else {}
    return Existing(tags=tags, deletion=(("s3api", "delete-bucket", "--bucket", name),))


def key_alias(account: Account, name: str) -> Existing | None:
    """An alias has no tags; its key does."""
    key = account.find("kms", "DescribeKey", absent=ABSENT, KeyId=name)
    if key is None:
        return None
    tags = account.listed("kms", "ListResourceTags", "Tags", KeyId=key["KeyMetadata"]["KeyId"])
    return Existing(tags=tags_of(tags), deletion=(("kms", "delete-alias", "--alias-name", name),))


def log_group(account: Account, name: str) -> Existing | None:
    groups = account.listed("logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=name)
    found = next((group for group in groups if group["logGroupName"] == name), None)
    if found is None:
        return None
    arn = found["arn"].removesuffix(":*")
    tags = account.read("logs", "ListTagsForResource", resourceArn=arn)["tags"]
    deletion = ("logs", "delete-log-group", "--log-group-name", name)
    return Existing(tags=tags, deletion=(deletion,))


def role(account: Account, name: str) -> Existing | None:
    found = account.find("iam", "GetRole", absent={"NoSuchEntity"}, RoleName=name)
    if found is None:
        return None
    tags = tags_of(found["Role"].get("Tags", []))
    return Existing(tags=tags, deletion=_role_deletion(account, name))


def _role_deletion(account: Account, name: str) -> tuple[Words, ...]:
    """A role goes after its policies."""
    own = account.listed("iam", "ListRolePolicies", "PolicyNames", RoleName=name)
    attached = account.listed("iam", "ListAttachedRolePolicies", "AttachedPolicies", RoleName=name)
    of_role = ("--role-name", name)
    return (
        *(("iam", "delete-role-policy", *of_role, "--policy-name", one) for one in own),
        *(
            ("iam", "detach-role-policy", *of_role, "--policy-arn", one["PolicyArn"])
            for one in attached
        ),
        ("iam", "delete-role", *of_role),
    )


def function(account: Account, name: str) -> Existing | None:
    found = account.find("lambda", "GetFunction", absent=ABSENT, FunctionName=name)
    deletion = ("lambda", "delete-function", "--function-name", name)
    return Existing(tags=found.get("Tags", {}), deletion=(deletion,)) if found else None


def queue(account: Account, name: str) -> Existing | None:
    found = account.find("sqs", "GetQueueUrl", absent=NO_QUEUE, QueueName=name)
    if found is None:
        return None
    url = found["QueueUrl"]
    tags = account.read("sqs", "ListQueueTags", QueueUrl=url).get("Tags", {})
    return Existing(tags=tags, deletion=(("sqs", "delete-queue", "--queue-url", url),))


def topic(account: Account, arn: str) -> Existing | None:
    if account.find("sns", "GetTopicAttributes", absent=ABSENT, TopicArn=arn) is None:
        return None
    tags = account.read("sns", "ListTagsForResource", ResourceArn=arn)["Tags"]
    return Existing(tags=tags_of(tags), deletion=(("sns", "delete-topic", "--topic-arn", arn),))


def table(account: Account, name: str) -> Existing | None:
    found = account.find("dynamodb", "DescribeTable", absent=ABSENT, TableName=name)
    if found is None:
        return None
    arn = found["Table"]["TableArn"]
    tags = account.listed("dynamodb", "ListTagsOfResource", "Tags", ResourceArn=arn)
    deletion = ("dynamodb", "delete-table", "--table-name", name)
    return Existing(tags=tags_of(tags), deletion=(deletion,))


def event_bus(account: Account, name: str) -> Existing | None:
    """Which goes after its rules.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html
    """
    found = account.find("events", "DescribeEventBus", absent=ABSENT, Name=name)
    if found is None:
        return None
    rules = account.listed("events", "ListRules", "Rules", EventBusName=name)
    deletion = [words for one in rules for words in _rule_deletion(account, one["Name"], name)]
    deletion.append(("events", "delete-event-bus", "--name", name))
    return _of_events(account, found["Arn"], deletion)


def event_rule(account: Account, name: str) -> Existing | None:
    """On the default bus."""
    found = account.find("events", "DescribeRule", absent=ABSENT, Name=name)
    return _of_events(account, found["Arn"], _rule_deletion(account, name)) if found else None


def _rule_deletion(account: Account, name: str, bus: str = "default") -> list[Words]:
    """A rule goes after its targets.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html
    """
    listed = account.listed("events", "ListTargetsByRule", "Targets", Rule=name, EventBusName=bus)
    targets = [target["Id"] for target in listed]
    on_bus = ("--event-bus-name", bus)
    remove = ("events", "remove-targets", "--rule", name, *on_bus, "--ids", *targets)
    return [*([remove] if targets else []), ("events", "delete-rule", "--name", name, *on_bus)]


def _of_events(account: Account, arn: str, deletion: Iterable[Words]) -> Existing:
    tags = account.read("events", "ListTagsForResource", ResourceARN=arn)["Tags"]
    return Existing(tags=tags_of(tags), deletion=tuple(deletion))


def trail(account: Account, arn: str) -> Existing | None:
    found = account.read("cloudtrail", "DescribeTrails", trailNameList=[arn])["trailList"]
    if arn not in {one["TrailARN"] for one in found}:
        return None
    listed = account.listed("cloudtrail", "ListTags", "ResourceTagList", ResourceIdList=[arn])
    tags = [tag for one in listed for tag in one["TagsList"]]
    return Existing(tags=tags_of(tags), deletion=(("cloudtrail", "delete-trail", "--name", arn),))


def stack(account: Account, name: str) -> Existing | None:
    """CloudFormation has no code of its own for one that is not there."""
    found = account.find(
        "cloudformation", "DescribeStacks", absent={"ValidationError"}, StackName=name
    )
    deletion = ("cloudformation", "delete-stack", "--stack-name", name)
    return _of_cloudformation(found["Stacks"][0], deletion) if found else None


def stack_set(account: Account, name: str) -> Existing | None:
    found = account.find(
        "cloudformation", "DescribeStackSet", absent=NO_STACK_SET, StackSetName=name
    )
    deletion = ("cloudformation", "delete-stack-set", "--stack-set-name", name)
    return _of_cloudformation(found["StackSet"], deletion) if found else None


def _of_cloudformation(found: Mapping[str, Any], deletion: Words) -> Existing:
    return Existing(tags=tags_of(found.get("Tags", [])), deletion=(deletion,))
