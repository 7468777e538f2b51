"""The Lambda function that makes findings and notices of CloudTrail records."""
