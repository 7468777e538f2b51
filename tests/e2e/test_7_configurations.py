"""Other configurations than the complete one, each deployed in a process of its own."""

import pytest

from sandbox.organizations.organization import MANAGEMENT, SECURITY
from tests.e2e.configuration_run import PATHS
from tests.e2e.configuration_runs import ConfigurationRuns
from tests.e2e.configurations import ADDRESSES, CONFIGURATIONS, EXCLUDED, VICTIM

JOINED = "an account that joined"
# Whose findings the security account keeps, because Security Hub is off there, or no role is.
KEPT = {
    "minimal": set[str](),
    "one_account": {EXCLUDED, JOINED},
    "existing_trail": {EXCLUDED, JOINED},
    "hub_unmanaged": {EXCLUDED, JOINED},
    "second_region": {VICTIM, EXCLUDED},
}
MANAGED = {"minimal", "second_region"}  # Security Hub, by Rootwatch
SECURITY_ACCOUNTS = dict.fromkeys(CONFIGURATIONS, SECURITY.id) | dict.fromkeys(
    ("one_account", "existing_trail"), MANAGEMENT.id
)

each_configuration = pytest.mark.parametrize("name", CONFIGURATIONS)


@each_configuration
def test_the_preflight_misses_nothing(name: str, runs: ConfigurationRuns) -> None:
    assert runs.results(name)["preflight"] == []


@each_configuration
def test_a_second_deployment_changes_nothing(name: str, runs: ConfigurationRuns) -> None:
    results = runs.results(name)
    empty = {stack for stack, count in results["resources"].items() if not count}

    assert empty == (set() if name in MANAGED else {"security_hub"})
    assert results["changes"] == {stack: [] for stack in results["resources"]}


@each_configuration
def test_every_sign_in_is_one_finding_and_one_notification_by_either_path_and_by_both(
    name: str, runs: ConfigurationRuns
) -> None:
    results = runs.results(name)
    kept = {results["joined"] if one is JOINED else one for one in KEPT[name]}
    accounts = (VICTIM, EXCLUDED, MANAGEMENT.id, results["joined"])
    reached = {(one["account"], one["path"]) for one in results["sign_ins"]}

    assert reached == {(account, path) for account in accounts for path in PATHS}
    for one in results["sign_ins"]:
        unreachable = one["account"] in CONFIGURATIONS[name].excluded and one["path"] == "event bus"
        holder = SECURITY_ACCOUNTS[name] if one["account"] in kept else one["account"]
        assert one["found_in"] == [holder] * (not unreachable), one
        assert one["notifications"] == (not unreachable), one
        assert one["dead_letter_messages"] == 0, one


def test_security_hub_is_given_up_by_one_deployment(runs: ConfigurationRuns) -> None:
    """What is left is the delegation of the trail, which is still there."""
    results = runs.results("minimal")

    assert results["changes_later"] == {stack: [] for stack in results["resources"]}
    assert results["left_later"] == [f"CloudTrail's administrator {SECURITY.id}"]


def test_a_removed_address_leaves_the_others_confirmed(runs: ConfigurationRuns) -> None:
    results = runs.results("hub_unmanaged")

    assert results["changes_later"] == {stack: [] for stack in results["resources"]}
    assert results["confirmed"] == sorted(2 * ADDRESSES[1:])


def test_a_full_bucket_stops_a_destruction_before_it_begins(runs: ConfigurationRuns) -> None:
    assert (
        "contains log files, which Terraform does not delete. Nothing was destroyed."
        in (runs.results("hub_unmanaged")["refusal"])
    )


@each_configuration
def test_destruction_leaves_nothing(name: str, runs: ConfigurationRuns) -> None:
    left = runs.results(name)["left"]

    assert left
    assert {place: names for place, names in left.items() if names} == {}
