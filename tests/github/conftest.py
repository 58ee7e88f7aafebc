import time

import pytest
from standin import BASE, HEAD, GitHub


@pytest.fixture
def github(monkeypatch):
    """A stand-in that holds pull request 3, and the environment of a user who has a token for it."""
    for name in (
        "GH_TOKEN",
        "GH_ENTERPRISE_TOKEN",
        "GITHUB_ENTERPRISE_TOKEN",
        "GITHUB_API_URL",
        "HTTP_PROXY",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_verysecret")
    server = GitHub()
    server.token = "ghp_verysecret"
    server.pull(3, HEAD, BASE)
    yield server
    server.close()


@pytest.fixture
def waits(monkeypatch):
    """The pauses made, in seconds, none of which is waited out."""
    made = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made
