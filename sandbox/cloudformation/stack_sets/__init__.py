"""Service-managed stack sets in the sandbox, and how they follow the organization.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs.html
"""

from sandbox.cloudformation.stack_sets.responses import installed

__all__ = ["installed"]
