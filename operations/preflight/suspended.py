"""Suspended accounts, for which AWS may count the association of a policy as failed.

https://docs.aws.amazon.com/securityhub/latest/userguide/view-policy.html
"""

from itertools import islice

from operations.preflight.access import management
from operations.preflight.check import Check, configures_centrally
from operations.preflight.facts import Facts
from operations.preflight.organization import known
from operations.preflight.result import Remedy, Result, ok, warning
from operations.preflight.targets import is_active, tree

# So that thousands of accounts take no more calls: how many are listed, how many of the suspended
# ones are looked for below the targets, and how many are told.
LISTED, LOOKED_FOR, TOLD = 100, 20, 3


def _suspended(facts: Facts) -> Result:
    facts.of(known)
    listed = facts.of(management).listed("organizations", "ListAccounts", "Accounts")
    some = list(islice(listed, LISTED))
    suspended = [one["Id"] for one in some if not is_active(one)]
    below = (one for one in suspended[:LOOKED_FOR] if _is_below_target(facts, one))
    told = list(islice(below, TOLD))
    are_all = len(some) < LISTED and len(suspended) <= LOOKED_FOR
    if not told:
        return ok(f"none below the targets{'' if are_all else ', among the first accounts'}")
    right = (
        "nothing, if AWS passes over them; if the association of Rootwatch's policy fails for them,"
        " targets that do not hold them, or local configuration"
    )
    config = ("security_hub:", "  managed: true", "  configuration: local")
    more = "" if are_all and len(told) < TOLD else ", and maybe others"
    return warning(
        f"below the targets: {', '.join(told)}{more}", Remedy(right=right, config=config)
    )


def _is_below_target(facts: Facts, account: str) -> bool:
    lineage = facts.of(tree).lineage(account) or ()
    return not set(facts.settings.organization.targets).isdisjoint(lineage)


CHECKS = (Check("security_hub.suspended", "suspended accounts", _suspended, configures_centrally),)
