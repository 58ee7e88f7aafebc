"""What is written to a pull request: the comment, a label, a check run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from auditor.finding import Verdict
from auditor.github.annotations import Annotation, Conclusion
from auditor.github.body import is_ours
from auditor.github.client import Api
from auditor.github.pull import Pull, read_pull
from auditor.github.refused import Refused

CHECK_NAME = "golf-audit"
_LABELS = "golf-audit: "  # what our labels begin with
_MOST_PAGES = 100
_AT_ONCE = 50  # annotations that GitHub takes in one request
_MOST_ANNOTATIONS = 500


class _User(msgspec.Struct):
    login: str


class _Comment(msgspec.Struct):
    id: int
    html_url: str = ""
    body: str | None = None
    user: _User | None = None


class _Label(msgspec.Struct):
    name: str


class _CheckRun(msgspec.Struct):
    id: int
    html_url: str | None = None


class _Viewer(msgspec.Struct):
    viewer: _User


class _Answer(msgspec.Struct):
    data: _Viewer


@dataclass(frozen=True)
class Posted:
    """What became of the comment, and its address."""

    done: Literal["created", "updated", "unchanged"]
    url: str


def check_head(api: Api, pull: Pull) -> None:
    """Raise :class:`Refused` when a pull request's head is no longer the one that was read."""
    now = read_pull(api, pull.repository, pull.number)
    if now.head != pull.head:
        raise Refused(f"{pull} moved from {pull.head[:12]} to {now.head[:12]} while it was audited; run again")


def post_comment(api: Api, pull: Pull, body: str) -> Posted:
    """Create our comment on a pull request, or update our earlier one: the first that is marked and by our login.

    Two that create at the same time leave one comment: both look again, and the later one goes.
    """
    login = _login(api)
    ours = next(_all_ours(api, pull, login), None)
    if ours is not None:
        return _update(api, pull, ours, body)
    path = f"/repos/{pull.repository}/issues/{pull.number}/comments"

    def create() -> _Comment:
        return api.send("POST", path, {"body": body}, _Comment, f"comment on {pull}")

    made = api.insist(create, lambda: next(_all_ours(api, pull, login), None))
    return _one_of(api, pull, login, made, body)


def label_for(verdict: Verdict) -> str:
    """Return the label that says a verdict."""
    return f"{_LABELS}{verdict.value}"


def set_label(api: Api, pull: Pull, label: str) -> None:
    """Give a pull request one of our labels and take the others of ours from it."""
    path = f"/repos/{pull.repository}/issues/{pull.number}/labels"
    doing = f"label {pull}"
    there = {each.name for each in api.pages(path, _Label, doing, most=1)}
    if label not in there:

        def add() -> object:
            return api.send("POST", path, {"labels": [label]}, list[_Label], doing)

        api.insist(add, lambda: None)  # adding it twice is adding it once
    for other in sorted(name for name in there - {label} if name.startswith(_LABELS)):
        try:
            api.send("DELETE", f"{path}/{quote(other, safe='')}", {}, object, doing)
        except Refused as refused:
            if refused.status != 404:  # gone already
                raise


def add_check_run(api: Api, pull: Pull, conclusion: Conclusion, summary: str, annotations: Sequence[Annotation]) -> str:
    """Create a check run on the head that was read, and return its address ('' where GitHub gives none).

    Only a GitHub App, such as a workflow's own token, may; at most ``_MOST_ANNOTATIONS`` annotations go with it.
    """
    doing = f"add a check run to {pull}"
    output = {"title": f"golf-audit: {conclusion}", "summary": summary}
    first, *others = _batches(annotations[:_MOST_ANNOTATIONS])
    content = {
        "name": CHECK_NAME,
        "head_sha": pull.head,
        "status": "completed",
        "conclusion": conclusion,
        "output": {**output, "annotations": first},
    }
    path = f"/repos/{pull.repository}/check-runs"
    # A second run of one name stands in the place of the first: trying again does no harm.
    run = api.insist(lambda: api.send("POST", path, content, _CheckRun, doing), lambda: None)
    for batch in others:
        api.send("PATCH", f"{path}/{run.id}", {"output": {**output, "annotations": batch}}, _CheckRun, doing)
    return run.html_url or ""


def _update(api: Api, pull: Pull, ours: _Comment, body: str) -> Posted:
    # GitHub may give the line ends back as it likes.
    if (ours.body or "").replace("\r\n", "\n").strip() == body.strip():
        return Posted("unchanged", ours.html_url)
    path = f"/repos/{pull.repository}/issues/comments/{ours.id}"
    made = api.send("PATCH", path, {"body": body}, _Comment, f"update the comment on {pull}")
    return Posted("updated", made.html_url)


def _one_of(api: Api, pull: Pull, login: str, made: _Comment, body: str) -> Posted:
    """Return what became of a comment that was just made: where another came before it, that one says it instead."""
    found = {comment.id: comment for comment in _all_ours(api, pull, login)} | {made.id: made}
    first = found[min(found)]
    for later in sorted(found.keys() - {first.id}):
        path = f"/repos/{pull.repository}/issues/comments/{later}"
        try:
            api.send("DELETE", path, {}, object, f"delete a second comment on {pull}")
        except Refused as refused:
            if refused.status != 404:  # gone already: the other one looked again too
                raise
    return Posted("created", made.html_url) if first.id == made.id else _update(api, pull, first, body)


def _all_ours(api: Api, pull: Pull, login: str) -> Iterator[_Comment]:
    path = f"/repos/{pull.repository}/issues/{pull.number}/comments"
    for comment in api.pages(path, _Comment, f"list the comments on {pull}", most=_MOST_PAGES):
        if comment.user is not None and comment.user.login == login and is_ours(comment.body or ""):
            yield comment


def _login(api: Api) -> str:
    """Return the login that the token writes as."""
    doing = "find whose token it is"
    try:
        return api.get("/user", _User, doing).login
    except Refused as refused:
        if refused.status != 403:
            raise
    # The token of an app, such as a workflow's, may not ask for /user; GraphQL tells its login.
    query: dict[str, Any] = {"query": "query { viewer { login } }"}
    return api.graphql(query, _Answer, doing).data.viewer.login


def _batches(annotations: Sequence[Annotation]) -> Iterator[list[dict[str, object]]]:
    """Yield the annotations as GitHub takes them; one empty batch where there are none."""
    listed = [dataclasses.asdict(annotation) for annotation in annotations]
    yield from (listed[start : start + _AT_ONCE] for start in range(0, max(len(listed), 1), _AT_ONCE))
