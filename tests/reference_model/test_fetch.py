from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from reference_model.data.fetch import make_plan
from reference_model.data.shards import MAGIC, open_shard, write_shard
from reference_model.data.tokenizer import train_tokenizer
from reference_model.data.variants import find
from reference_model.errors import BadInput

SP1024 = find("sp1024")
REVISION = "a" * 40
TOKENS = 6_000_000  # 12 MB: the hub's client keeps what has arrived by 10 MB
Fetch = Callable[..., "subprocess.CompletedProcess[str]"]


class Hub:
    """A stand-in for the hub: files by their path in the repository, and what was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[tuple[str, str, str]] = []  # method, path, range
        self.cut: dict[str, int] = {}  # the first answer ends after so many bytes

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                repository, _, name = unquote(self.path).partition(f"/resolve/{'main'}/")
                asked = self.headers.get("Range") or ""
                hub.asked.append((self.command, name, asked))
                data = hub.files.get(name) if repository == f"/datasets/{SP1024.repository}" else None
                if data is None:
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
                self.send_response(206 if asked else 200)
                self.send_header("X-Repo-Commit", REVISION)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
                self.send_header("Content-Length", str(len(data) - start))
                if asked:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.end_headers()
                if body:
                    stop = hub.cut.pop(name, len(data))
                    self.wfile.write(data[start:stop])
                    self.close_connection = stop < len(data)

            def log_message(self, *values: object) -> None:
                pass

        return Handler


@contextmanager
def serve(hub: Hub) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), hub.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fetch(endpoint: str, out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(out.parent / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    words = [sys.executable, "-m", "auditor", "data", "fetch", "--variant", "sp1024", "--out", str(out), *arguments]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the files of a small repository in the published layout: two training shards, one for validation."""
    folder = tmp_path_factory.mktemp("published")
    base = f"datasets/datasets/{SP1024.dataset}"
    files = {}
    for name, tokens in (("val_000000", 100), ("train_000000", TOKENS), ("train_000001", 70)):
        header = write_shard(folder / f"{name}.bin", []).path.read_bytes()[12:]
        files[f"{base}/fineweb_{name}.bin"] = struct.pack("<3i", MAGIC, 1, tokens) + header + b"\x05\0" * tokens
    letters = "abcdefghijklmnopqrstuvwxyz"
    texts = [" ".join(f"{a}{b}{c}{b}" for a in letters) for b in letters for c in "aeiouy"]
    files["datasets/tokenizers/fineweb_1024_bpe.model"] = train_tokenizer(texts, 1024)
    entry = {"name": SP1024.dataset, "tokenizer_name": "sp_bpe_1024", "stats": {"files_train": 2, "files_val": 1}}
    tokenizer = {"name": "sp_bpe_1024", "model_path": "tokenizers/fineweb_1024_bpe.model"}
    files["datasets/manifest.json"] = json.dumps({"datasets": [entry], "tokenizers": [tokenizer]}).encode()
    return files


def test_fetched_files_lie_in_the_challenges_layout_and_are_kept(tmp_path: Path, published: dict[str, bytes]) -> None:
    hub, out = Hub(published), tmp_path / "data"
    with serve(hub) as endpoint:
        first = fetch(endpoint, out, "--train-shards", "1")
        assert first.returncode == 0, first.stderr
        assert "3/3 fineweb_train_000000.bin" in first.stderr
        shards = out / "datasets" / SP1024.dataset
        assert first.stdout.strip() == str(shards)
        assert open_shard(shards / "fineweb_train_000000.bin").tokens == TOKENS
        assert (out / "tokenizers" / "fineweb_1024_bpe.model").is_file()
        assert sorted(path.name for path in out.iterdir()) == ["datasets", "manifest.json", "tokenizers"]
        hub.asked.clear()
        second = fetch(endpoint, out, "--train-shards", "2")
        assert second.returncode == 0, second.stderr
        assert "1/1 fineweb_train_000001.bin" in second.stderr
        assert {name.rpartition("/")[2] for _, name, _ in hub.asked if name} == {
            "manifest.json",
            "fineweb_train_000001.bin",
        }


def test_a_broken_connection_goes_on_where_it_stopped(tmp_path: Path, published: dict[str, bytes]) -> None:
    hub, out = Hub(published), tmp_path / "data"
    name = f"datasets/datasets/{SP1024.dataset}/fineweb_train_000000.bin"
    hub.cut[name] = 11_000_000
    with serve(hub) as endpoint:
        done = fetch(endpoint, out, "--train-shards", "1")
    assert done.returncode == 0, done.stderr
    ranges = [asked for method, path, asked in hub.asked if method == "GET" and path == name]
    assert ranges[0] == ""
    assert int(ranges[1].removeprefix("bytes=").removesuffix("-")) > 1_000_000
    arrived = out / "datasets" / SP1024.dataset / "fineweb_train_000000.bin"
    assert arrived.read_bytes() == published[name]


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_without_a_network_one_line_says_so(tmp_path: Path) -> None:
    said = last_line(fetch("http://127.0.0.1:9", tmp_path / "data"))
    assert "no connection to http://127.0.0.1:9" in said
    assert "golf-audit data demo" in said


def test_what_the_hub_lacks_or_sends_broken_is_one_line(tmp_path: Path, published: dict[str, bytes]) -> None:
    with serve(Hub({})) as endpoint:
        assert "there is no such file" in last_line(fetch(endpoint, tmp_path / "a"))
    with serve(Hub(published)) as endpoint:
        assert "has 2 training shards of sp1024, not 3" in last_line(
            fetch(endpoint, tmp_path / "b", "--train-shards", "3")
        )
    name = f"datasets/datasets/{SP1024.dataset}/fineweb_val_000000.bin"
    with serve(Hub({**published, name: b"<html>"})) as endpoint:
        assert "are less than a shard's header" in last_line(fetch(endpoint, tmp_path / "c", "--train-shards", "0"))
    assert not list((tmp_path / "c" / "datasets").rglob("*.bin"))


def test_the_plan_has_a_sidecar_for_caseops_and_takes_no_place_from_a_manifest() -> None:
    variant = find("caseops")
    entry = {"name": variant.dataset, "tokenizer_name": "t", "stats": {"files_train": 9, "files_val": 2}}
    manifest = {"datasets": [entry], "tokenizers": [{"name": "t", "model_path": "../../etc/x.model"}]}
    plan = make_plan(variant, manifest, 1)
    assert plan.tokenizer == "datasets/tokenizers/x.model"
    names = [name.rpartition("/")[2] for name in plan.shards]
    assert names == [
        *(f"fineweb_val_00000{n}.bin" for n in range(2)),
        *(f"fineweb_val_bytes_00000{n}.bin" for n in range(2)),
        "fineweb_train_000000.bin",
    ]
    with pytest.raises(BadInput, match="doesn't describe"):
        make_plan(variant, {"datasets": []}, 1)
    with pytest.raises(BadInput, match="sp1024, sp4096, sp8192, caseops"):
        find("sp2048")
