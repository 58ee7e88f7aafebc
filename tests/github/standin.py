"""A GitHub that answers over real HTTP from what a test puts into it, and fails when a test says so."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

FOLDER = "records/track_10min_16mb/2026-04-01_Name"
SCRIPT = b"""\
import torch
import torch.nn.functional as F

model = torch.nn.Linear(8, 8)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
val_tokens = torch.load("fineweb_val_000000.bin")
for step in range(3):
    loss = F.cross_entropy(model(val_tokens[:-1]), val_tokens[1:])
    loss.backward()
    optimizer.step()
print("val_bpb", F.cross_entropy(model(val_tokens[:-1]), val_tokens[1:]))
"""
BASE = {"README.md": b"# Challenge\n", "records/track_10min_16mb/2026-01-01_Old/train_gpt.py": b"old = 1\n"}
HEAD = {f"{FOLDER}/train_gpt.py": SCRIPT, f"{FOLDER}/README.md": b"# A record\n", "notes.txt": b"to myself\n"}


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def commit_id(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted((p, blob_id(c)) for p, c in files.items())).encode()).hexdigest()


@dataclass
class Fault:
    """An answer in the place of the right one, given once; ``done``: after doing what was asked."""

    method: str
    path: str  # a regular expression that the whole path matches
    status: int
    message: str = "it fails"
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    extra: dict[str, object] = field(default_factory=dict)


@dataclass
class Pull:
    base: dict[str, bytes]
    head: dict[str, bytes]
    title: str = "A record"
    renamed: dict[str, str] = field(default_factory=dict)  # new path by old path
    sha: str | None = None  # the head's, where it is that of a real commit

    def changes(self) -> list[dict[str, object]]:
        out: list[dict[str, object]] = []
        moved = {new: old for old, new in self.renamed.items()}
        for path in sorted(set(self.base) | set(self.head)):
            old, new = self.base.get(path), self.head.get(path)
            if old == new or path in self.renamed:
                continue
            entry: dict[str, object] = {"filename": path, "sha": blob_id(old if new is None else new)}
            if path in moved:
                out.append({**entry, "status": "renamed", "previous_filename": moved[path], "changes": 0})
                continue
            status = "added" if old is None else "removed" if new is None else "modified"
            out.append({**entry, "status": status, "changes": 1})
        return out


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hangs up, as ours does when it gives up; a fault of ours fails the test."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class GitHub:
    """The state of the server; ``url`` is its API's address. It stands at ``prefix``, as Enterprise's does."""

    def __init__(self, prefix: str = "") -> None:
        self.name = "octo/golf"
        self.former: dict[str, str] = {}
        self.pulls: dict[int, Pull] = {}
        self.login = "auditor"
        self.app = False  # whether the token is an app's, which may not ask for /user
        self.token: str | None = None  # the only one that is accepted
        self.comments: list[dict[str, object]] = []
        self._made = 0  # comments so far; those that were deleted count
        self.labels: list[str] = []
        self.check_runs: list[dict[str, object]] = []
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self.authorizations: set[str | None] = set()
        self.prefix = prefix
        self.meeting: threading.Barrier | None = None  # where those who create a comment wait for each other
        self._changing = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.prefix}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def pull(self, number: int, head: dict[str, bytes], base: dict[str, bytes] | None = None, **more: object) -> Pull:
        self.pulls[number] = Pull(base or {"README.md": b"# Challenge\n"}, {**(base or {}), **head}, **more)
        return self.pulls[number]

    def comment(self, body: str, login: str | None = "somebody") -> dict[str, object]:
        self._made += 1
        number = self._made
        made = {"id": number, "body": body, "html_url": f"https://github.com/c/{number}"}
        self.comments.append({**made, "user": None if login is None else {"login": login}})
        return self.comments[-1]

    def count(self, method: str, path: str) -> int:
        return sum(m == method and re.fullmatch(path, p) is not None for m, p in self.seen)

    def answer(self, method: str, path: str, query: dict[str, list[str]], content: dict) -> tuple[int, object]:
        if path == "/user":
            return (403, _no("Resource not accessible by integration")) if self.app else (200, {"login": self.login})
        match = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path)
        if match is None:
            return 404, _no("Not Found")
        if match[1] in self.former:
            return 301, f"{self.url}/repos/{self.former[match[1]]}{match[2] or ''}"
        if match[1] != self.name:
            return 404, _no("Not Found")
        return self._in_repository(method, match[2] or "", query, content)

    def _in_repository(self, method: str, path: str, query: dict[str, list[str]], content: dict) -> tuple[int, object]:
        if path == "":
            return 200, {"full_name": self.name, "private": False}
        if match := re.fullmatch(r"/pulls/(\d+)(/files)?", path):
            pull = self.pulls.get(int(match[1]))
            if pull is None:
                return 404, _no("Not Found")
            return 200, _page(pull.changes(), query) if match[2] else self._pull(int(match[1]), pull)
        if match := re.fullmatch(r"/git/(trees|blobs)/(\w+)", path):
            return self._object(match[1], match[2], "recursive" in query)
        if match := re.fullmatch(r"/issues/(\d+|comments/\d+)(/comments|/labels(?:/.*)?)?", path):
            return self._issue(method, match[1], match[2] or "", query, content)
        if match := re.fullmatch(r"/check-runs(?:/(\d+))?", path):
            self.check_runs.append({"method": method, **content})
            return 201, {"id": 7, "html_url": "https://github.com/run/7"}
        return 404, _no("Not Found")

    def _pull(self, number: int, pull: Pull) -> dict[str, object]:
        return {
            "number": number,
            "title": pull.title,
            "head": {"sha": pull.sha or commit_id(pull.head), "repo": None},
            "base": {"sha": commit_id(pull.base)},
            "changed_files": len(pull.changes()),
        }

    def _object(self, kind: str, oid: str, recursive: bool) -> tuple[int, object]:
        commits = [files for pull in self.pulls.values() for files in (pull.base, pull.head)]
        if kind == "blobs":
            content = next((c for files in commits for c in files.values() if blob_id(c) == oid), None)
            if content is None:
                return 404, _no("Not Found")
            return 200, {"content": base64.encodebytes(content).decode(), "encoding": "base64", "size": len(content)}
        for files in commits:
            for folder, listed in _folders(files).items():
                if oid == (commit_id(files) if folder == "" else commit_id(listed)):
                    return 200, {"sha": oid, "tree": _nodes(listed, recursive), "truncated": False}
        return 404, _no("Not Found")

    def _issue(
        self, method: str, which: str, part: str, query: dict[str, list[str]], content: dict
    ) -> tuple[int, object]:
        if which.startswith("comments/"):
            found = next((c for c in self.comments if c["id"] == int(which.removeprefix("comments/"))), None)
            if found is None:
                return 404, _no("Not Found")
            if method == "DELETE":
                self.comments.remove(found)
                return 204, None
            found["body"] = content["body"]
            return 200, found
        if part == "/comments":
            if method == "GET":
                return 200, _page(self.comments, query)
            if self.meeting is not None:
                self.meeting.wait(60)
            with self._changing:
                return 201, self.comment(content["body"], self.login)
        if part == "/labels":
            self.labels += [name for name in content.get("labels", ()) if name not in self.labels]
        elif method == "DELETE":
            self.labels.remove(unquote(part.removeprefix("/labels/")))
        return 200, _page([{"name": name} for name in self.labels], query)


def _no(message: str) -> dict[str, object]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


def _page(items: list, query: dict[str, list[str]]) -> list:
    size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
    return items[size * (page - 1) : size * page]


def _folders(files: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    names = {""} | {"/".join(path.split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)}
    return {n: {p[len(n) + bool(n) :]: c for p, c in files.items() if not n or p.startswith(n + "/")} for n in names}


def _nodes(files: dict[str, bytes], recursive: bool) -> list[dict[str, object]]:
    nodes: list[dict[str, object]] = [
        {"path": f, "type": "tree", "mode": "040000", "sha": commit_id(listed)}
        for f, listed in _folders(files).items()
        if f and (recursive or "/" not in f)
    ]
    for path, content in files.items():
        if recursive or "/" not in path:
            nodes.append(
                {"path": path, "type": "blob", "mode": "100644", "sha": blob_id(content), "size": len(content)}
            )
    return sorted(nodes, key=lambda node: str(node["path"]))


def _handler(github: GitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            content = json.loads(self.rfile.read(length) or b"{}")
            parts = urlsplit(self.path)
            path = parts.path
            graphql = path.endswith("/graphql")
            github.seen.append((self.command, path.removeprefix(github.prefix)))
            github.authorizations.add(self.headers.get("Authorization"))
            if not graphql and not path.startswith(github.prefix):
                return self._say(404, _no("Not Found"))
            path = path.removeprefix(github.prefix)
            if github.token is not None and self.headers.get("Authorization") != f"token {github.token}":
                return self._say(401, _no("Bad credentials"))
            fault = next(
                (f for f in github.faults if f.method == self.command and re.fullmatch(f.path, path)),
                None,
            )
            if fault is not None:
                github.faults.remove(fault)
            if fault is None or fault.done:
                if graphql:
                    status, answer = 200, {"data": {"viewer": {"login": github.login}}}
                else:
                    status, answer = github.answer(self.command, path, parse_qs(parts.query), content)
                if fault is None:
                    return self._say(status, answer)
            return self._say(fault.status, _no(fault.message) | fault.extra, fault.headers)

        def _say(self, status: int, answer: object, headers: dict[str, str] | None = None) -> None:
            body = b"" if status == 204 else json.dumps(answer).encode()
            self.send_response(status)
            if status == 301:
                self.send_header("Location", str(answer))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _do  # noqa: N815 (http.server's names)

    return Handler
