"""The client of a running sandbox."""

import socket

import pytest

from sandbox.client import SIGN_INS, TOKEN_VARIABLE, Client, SandboxError
from sandbox.local import Sandbox
from sandbox.organizations.organization import MEMBERS


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.endpoint, sandbox.environment()[TOKEN_VARIABLE])


@pytest.mark.parametrize("kind", SIGN_INS)
def test_a_sign_in_is_recorded_by_the_trails(client: Client, kind: str) -> None:
    event_id, trails = client.sign_in(MEMBERS[0].id, kind)

    assert (len(event_id), trails) == (36, 0)


def test_a_sign_in_to_an_unknown_account_is_an_error(client: Client) -> None:
    with pytest.raises(SandboxError, match="999999999999"):
        client.sign_in("999999999999", "root-without-mfa")


def test_subscriptions_are_confirmed_and_mails_are_read(sandbox: Sandbox, client: Client) -> None:
    sns = sandbox.client("sns")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ana@example.com")

    [request] = client.mails()

    assert (request["to"], request["topic_arn"]) == ("ana@example.com", topic)
    assert client.confirm() == 1


def test_a_wrong_token_is_an_error(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=TOKEN_VARIABLE):
        Client(sandbox.endpoint, "wrong").mails()


def test_an_endpoint_that_does_not_respond_is_an_error() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # without listening
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"

        with pytest.raises(SandboxError, match=f"no sandbox responds at {endpoint}: "):
            Client(endpoint, "").mails()


def test_an_endpoint_that_is_not_a_url_is_an_error() -> None:
    with pytest.raises(SandboxError, match="no sandbox responds at nowhere: "):
        Client("nowhere", "").mails()
