"""The finding importer: turns CloudTrail records into Security Hub findings and notifications.

An event passes through one package per step:

1. `handler`: the entry point; groups the work by account and requeues what remains.
2. `sources`: parses the invocation's event into CloudTrail records and jobs.
3. `matching`: selects the detections that a record matches.
4. `findings`: builds the finding, and classifies import failures.
5. `delivery`: imports the finding, or its fallback, and requeues failed jobs.
6. `notifications`: composes and publishes the notification, once per finding.
"""
