"""Where the token comes from, and that nothing shows it."""

import os

import pytest

from auditor.github.refused import Refused
from auditor.github.token import DEFAULT_BASE_URL, find_token

ENTERPRISE = "https://git.example.com/api/v3"


@pytest.fixture
def gh(tmp_path, monkeypatch):
    """Put a program called gh first on the path that answers with the host it was asked about."""
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\n[ "$1 $2 $3" = "auth token --hostname" ] && echo "gho_$4"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("environment", "url", "secret"),
    [
        ({"GITHUB_TOKEN": "a"}, DEFAULT_BASE_URL, "a"),
        ({"GITHUB_TOKEN": "a", "GH_TOKEN": " b\n"}, DEFAULT_BASE_URL, "b"),
        ({"GITHUB_TOKEN": "a", "GH_ENTERPRISE_TOKEN": "c"}, DEFAULT_BASE_URL, "a"),
        ({"GITHUB_TOKEN": "a", "GH_ENTERPRISE_TOKEN": "c"}, ENTERPRISE, "c"),
        ({"GITHUB_TOKEN": ""}, DEFAULT_BASE_URL, "gho_github.com"),
        ({}, ENTERPRISE, "gho_git.example.com"),
    ],
)
def test_the_first_that_is_set(gh, environment, url, secret):
    token = find_token(url, environment)
    assert token is not None
    assert token.secret == secret


def test_a_gh_without_a_login_is_no_token(tmp_path, monkeypatch):
    program = tmp_path / "gh"
    program.write_text("#!/bin/sh\necho 'no oauth token' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_token(DEFAULT_BASE_URL, {}) is None


@pytest.mark.parametrize("secret", ["ghp_one\nghp_two", "ghp_a b", "ghp_é", "ghp_" + "x" * 2000])
def test_what_no_header_can_hold_is_refused_and_not_quoted(secret):
    with pytest.raises(Refused, match="GH_TOKEN holds no token") as refused:
        find_token(DEFAULT_BASE_URL, {"GH_TOKEN": secret})
    assert "ghp_" not in str(refused.value)


def test_a_token_shows_its_source_only():
    token = find_token(DEFAULT_BASE_URL, {"GH_TOKEN": "ghp_secret"})
    assert "ghp_secret" not in f"{token} {token!r}"
    assert "GH_TOKEN" in str(token)
