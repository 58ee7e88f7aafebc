"""When a request is sent again, and how long to wait before."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from github import GithubRetry, RateLimitExceededException
from urllib3 import BaseHTTPResponse, Retry
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import InvalidHeader, MaxRetryError

from auditor.github.refused import Refused

LONGEST_WAIT = 120.0  # seconds; what asks for more is told to the user instead
_UNSAID = 60  # seconds to wait when GitHub doesn't say: its documentation asks for at least a minute
_TRIES = 4
_LIMITING = frozenset({403, 429})


class Backoff(GithubRetry):
    """Retries of GitHub's failures (5xx, broken lines) with growing pauses, and of its rate limits when it says.

    Retry-After and X-RateLimit-Reset are obeyed up to ``LONGEST_WAIT``; beyond it :class:`Refused` says until when
    to wait. What creates something (POST) is never repeated after a failure, for it may have been done; a rate
    limit did nothing, and is waited out for every method. ``tell`` gets one line for each long wait.
    """

    def __init__(self, tell: Callable[[str], None], **options: Any) -> None:
        self._tell = tell
        options.setdefault("total", _TRIES)
        options.setdefault("backoff_factor", 1.0)
        options.setdefault("raise_on_status", False)  # the last answer says more than "too many retries"
        options.setdefault("allowed_methods", Retry.DEFAULT_ALLOWED_METHODS | {"PATCH"})
        options.setdefault("max_rate_limit_wait", LONGEST_WAIT)
        super().__init__(**options)

    def new(self, **changes: Any) -> Backoff:
        """Return a copy with changes, as urllib3 asks for each try."""
        return super().new(tell=self._tell, **changes)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """Tell whether an answer may be retried; :meth:`increment` decides on a 403."""
        return status_code in _LIMITING or super().is_retry(method, status_code, has_retry_after)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Backoff:
        """Return the retries that are left, or raise what says why there is none."""
        limiting = response is not None and response.status in _LIMITING
        if response is not None and (limiting or "Retry-After" in response.headers):
            wait = self._asked(response)
            if wait is not None and wait > LONGEST_WAIT:
                raise too_long(response.status, wait)
            if wait is not None:
                response.headers["Retry-After"] = str(int(wait))
        try:
            left: Backoff = super().increment(method, url, response, error, _pool, _stacktrace)  # type: ignore[arg-type, assignment]
        except RateLimitExceededException as limit:
            raise too_long(limit.status, getattr(limit, "wait", None) or _UNSAID) from None
        except MaxRetryError:
            if response is not None and limiting:
                raise too_long(response.status, _UNSAID) from None
            raise
        if response is not None and limiting:
            pause = left.get_retry_after(response) or left.get_backoff_time()
            self._tell(f"GitHub limits the rate of requests ({response.status}); waiting {pause:.0f} s")
        return left

    def _asked(self, response: BaseHTTPResponse) -> float | None:
        """Return how many seconds GitHub asks to wait; None when a 403 may not be about a rate at all."""
        try:
            said = self.get_retry_after(response)
        except InvalidHeader:
            said = None
        if said is not None:
            return said
        response.headers.pop("Retry-After", None)
        reset = response.headers.get("X-RateLimit-Reset", "")
        if response.headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal() and len(reset) < 12:
            return max(int(reset) - time.time(), 0.0) + 1.0  # in which part of that second isn't said
        return float(_UNSAID) if response.status == 429 else None


def too_long(status: int, wait: float) -> Refused:
    """Return that a rate limit lasts longer than we wait, with the time when it ends (UTC)."""
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + min(wait, 1e9)))
    return Refused(f"GitHub's rate limit is used up ({status}): try again after {until} UTC", status)
