"""What the finding importer's role may do, and nothing else."""

from config.settings import Settings
from modules import aws
from modules.naming import Names
from modules.policy_document import Statement


def importer_statements(
    settings: Settings, names: Names, alerts_key: aws.KmsKey
) -> list[Statement]:
    """One statement for each thing that it does, bound to the resources that it does it with."""
    region, security = settings.home_region, settings.accounts.security
    return [
        {
            "Sid": "WriteItsLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{names.importer_log_group_arn}:*",
        },
        {
            "Sid": "EnterOwningAccount",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": names.member_role_arn_anywhere,
            "Condition": {"StringEquals": {"aws:ResourceOrgID": settings.organization.id}},
        },
        {
            "Sid": "StandInForOwningAccounts",
            "Effect": "Allow",
            "Action": "securityhub:BatchImportFindings",
            "Resource": names.security_product_arn,
            "Condition": {"StringEquals": {"securityhub:TargetAccount": security}},
        },
        {
            "Sid": "WorkItsQueue",
            "Effect": "Allow",
            "Action": [
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            "Resource": names.importer_queue_arn,
        },
        {
            "Sid": "DeadLettered",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": names.dead_letter_queue_arn,
        },
        {
            "Sid": "RememberWhatWasDone",
            "Effect": "Allow",
            "Action": [
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
            ],
            "Resource": names.idempotency_table_arn,
        },
        {
            "Sid": "LookUpAccounts",
            "Effect": "Allow",
            "Action": [
                "organizations:DescribeAccount",
                "organizations:DescribeOrganizationalUnit",
                "organizations:ListParents",
            ],
            "Resource": [
                names.organization_arn_any("account"),
                names.organization_arn_any("ou"),
            ],
        },
        {
            "Sid": "PublishNotifications",
            "Effect": "Allow",
            "Action": "sns:Publish",
            "Resource": [names.topic_arn("high"), names.topic_arn("low")],
        },
        {
            "Sid": "EncryptNotifications",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": alerts_key.arn,
            "Condition": {"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}},
        },
    ]
