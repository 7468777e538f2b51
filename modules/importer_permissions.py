"""The permissions of the finding importer's role."""

from modules.naming import Names
from modules.policies import Statement


def importer_statements(names: Names, alerts_key_arn: str) -> list[Statement]:
    """One statement for each task, restricted to the resources of the task."""
    settings = names.settings
    region, security = settings.home_region, settings.accounts.security
    return [
        {
            "Sid": "WriteLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{names.importer_log_group_arn}:*",
        },
        {
            "Sid": "AssumeMemberRole",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": names.member_role_arn_anywhere,
            "Condition": {"StringEquals": {"aws:ResourceOrgID": settings.organization.id}},
        },
        {
            "Sid": "ImportFallbackFindings",
            "Effect": "Allow",
            "Action": "securityhub:BatchImportFindings",
            "Resource": names.security_product_arn,
            "Condition": {"StringEquals": {"securityhub:TargetAccount": security}},
        },
        {
            "Sid": "UseQueue",
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
            "Sid": "SendDeadLetterMessages",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": names.dead_letter_queue_arn,
        },
        {
            "Sid": "UseIdempotencyTable",
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
            "Sid": "DescribeAccounts",
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
            "Resource": alerts_key_arn,
            "Condition": {"StringEquals": {"kms:ViaService": f"sns.{region}.amazonaws.com"}},
        },
    ]
