"""The Lambda function that makes findings and notifications of CloudTrail records."""
