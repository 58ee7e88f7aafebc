"""The one place that talks to GitHub: requests, typed answers, and each refusal as one line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from auditor import __version__
from auditor.github.refused import Refused
from auditor.submission.names import shown

if TYPE_CHECKING:
    from github import GithubException
    from github.Requester import Requester
    from requests import RequestException

    from auditor.github.token import Token

_T = TypeVar("_T")
PER_PAGE = 100  # the most that GitHub gives at once
_SECONDS = 30  # until a server that doesn't answer is given up
_MESSAGE = 300  # characters of GitHub's own words that are shown
_MOST_ERRORS = 5
_PAUSES = (2.0, 5.0, 10.0)  # seconds between tries of what may have been done


class Api:
    """GitHub's REST API with one token. Get one from :func:`connect`.

    Paths start with a slash. Answers are checked against msgspec types; all methods raise :class:`Refused`, whose
    line says what was being done (``doing``: "read pull request 3").
    """

    def __init__(self, requester: Requester, *, known: bool) -> None:
        self._requester = requester
        self.known = known  # whether there is a token

    def get(self, path: str, kind: type[_T], doing: str, **parameters: str | int) -> _T:
        """Return what GitHub holds at a path."""
        return self._ask("GET", path, kind, doing, parameters=parameters)

    def pages(self, path: str, kind: type[_T], doing: str, *, most: int) -> Iterator[_T]:
        """Yield the items of a list, page by page, at most ``most`` pages."""
        for page in range(1, most + 1):
            items = self._ask("GET", path, list[kind], doing, parameters={"per_page": PER_PAGE, "page": page})  # type: ignore[valid-type]
            yield from items
            if len(items) < PER_PAGE:
                return

    def send(self, verb: str, path: str, content: dict[str, Any], kind: type[_T], doing: str) -> _T:
        """Return GitHub's answer to a change; a POST is sent once."""
        return self._ask(verb, path, kind, doing, content=content)

    def graphql(self, query: dict[str, Any], kind: type[_T], doing: str) -> _T:
        """Return the answer to a GraphQL query."""
        return self._ask("POST", self._requester.graphql_url, kind, doing, content=query)

    def insist(self, act: Callable[[], _T], found: Callable[[], _T | None]) -> _T:
        """Return what ``act`` returns, trying again where GitHub failed and ``found`` finds that it wasn't done."""
        for pause in _PAUSES:
            try:
                return act()
            except Refused as refused:
                if not refused.unanswered:
                    raise
            time.sleep(pause)
            already = found()
            if already is not None:
                return already
        return act()

    def _ask(
        self,
        verb: str,
        path: str,
        kind: type[_T],
        doing: str,
        parameters: dict[str, Any] | None = None,
        content: dict[str, Any] | None = None,
    ) -> _T:
        with refusals(doing, known=self.known):
            _, data = self._requester.requestJsonAndCheck(verb, path, parameters=parameters, input=content)
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            raise Refused(f"can't {doing}: the answer isn't one of GitHub's API ({error})") from None


def connect(base_url: str, token: Token | None, tell: Callable[[str], None]) -> Api:
    """Return the API at an address that :func:`~auditor.github.token.check_base_url` has passed.

    ``tell`` gets a line for each long wait. Raises :class:`Refused` without the extra ``github``.
    """
    try:
        from github import Auth, Github
    except ImportError:
        raise Refused("reading from GitHub needs its client: pip install 'golf-audit[github]'") from None
    from auditor.github.backoff import Backoff

    # PyGithub writes to standard error by itself once it is imported. Whoever wants its log can still have it.
    logging.getLogger("github").handlers.clear()
    client = Github(
        auth=Auth.Token(token.secret) if token is not None else None,
        base_url=base_url,
        timeout=_SECONDS,
        user_agent=f"golf-audit/{__version__}",
        per_page=PER_PAGE,
        retry=Backoff(tell),
        seconds_between_requests=None,
    )
    return Api(client.requester, known=token is not None)


@contextmanager
def refusals(doing: str, *, known: bool) -> Iterator[None]:
    """Turn what the client raises into :class:`Refused`; ``known`` tells whether a token was sent."""
    from github import GithubException
    from requests import RequestException

    try:
        yield
    except GithubException as error:
        raise _refused(error, doing, known=known) from None
    except RequestException as error:
        host = _host(error)
        what = type(error).__name__
        raise Refused(f"can't {doing}: no answer from {host} ({what}); try again later", unanswered=True) from None
    except RuntimeError as error:
        # PyGithub's word for a redirection to another host or protocol, to which the token isn't sent.
        raise Refused(f"can't {doing}: {shown(str(error), _MESSAGE)}") from None


def _host(error: RequestException) -> str:
    url = error.request.url if error.request is not None else None
    return (urlsplit(str(url)).hostname if url else None) or "GitHub"


def _refused(error: GithubException, doing: str, *, known: bool) -> Refused:
    status = error.status
    said = _said(error.data)
    quoted = f": {said}" if said else ""
    if status == 401:
        why = "GitHub doesn't know the token (401): it is wrong, expired or revoked; set GH_TOKEN, or run gh auth login"
    elif status == 403:
        why = f"GitHub forbids it (403){quoted}"
        why += "" if known else "; set GH_TOKEN, or run gh auth login"
    elif status in {404, 410}:
        unseen = "isn't there" if status == 404 else "is gone"
        quoted = "" if said.lower() == "not found" else quoted
        why = f"it {unseen} ({status}), or {'the token may not see it' if known else 'only a token may see it'}{quoted}"
    elif status == 422:
        why = f"GitHub takes it for invalid (422){quoted}"
    elif status >= 500:
        why = f"GitHub fails ({status}){quoted}; try again later"
    else:
        why = f"GitHub answers {status}{quoted}"
    return Refused(f"can't {doing}: {why}", status, unanswered=status >= 500)


def _said(data: object) -> str:
    """Return GitHub's own message with its list of errors, as one bounded line."""
    if not isinstance(data, dict):
        return ""
    message = data.get("message")
    parts = [message] if isinstance(message, str) else []
    errors = data.get("errors")
    for each in errors[:_MOST_ERRORS] if isinstance(errors, list) else []:
        if isinstance(each, dict):
            each = each.get("message") or " ".join(str(each[k]) for k in ("resource", "field", "code") if k in each)
        parts.append(str(each))
    return shown("; ".join(part for part in parts if part), _MESSAGE)
