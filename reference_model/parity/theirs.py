"""The script's side: laid out in a scratch folder, run in the sandbox, read back as a stranger's."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from reference_model.data.shards import write_shard
from reference_model.errors import BadInput, RunFailed
from reference_model.parity.case import STEPS, Case
from reference_model.parity.system import System

_ROOT = Path(__file__).resolve().parents[2]
_MOST_BYTES = 8 << 30
_MOST_FACTS = 1 << 20
_THREADS = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Theirs:
    """What the script's side came to: ``arrays`` by kind and our name, and ``facts``; see the harness."""

    arrays: dict[str, np.ndarray[Any, Any]]
    facts: dict[str, Any]


def run(script: Path, source: str, case: Case, system: System, seconds: float) -> Theirs:
    """Run ``source``, the text of ``script``, on ``case`` in the sandbox and return what it came to.

    Raises :class:`BadInput` when nothing can hold it, :class:`RunFailed` with the end of its output when it doesn't
    come to results.
    """
    from auditor.sandbox import Limits, NoSandbox, Request
    from auditor.sandbox import run as run_in_sandbox
    from auditor.sandbox.results import Results

    with _scratch() as folder:
        _lay_out(folder, case, system)
        there = folder / "submission" / "train_gpt.py"
        there.parent.mkdir()
        there.write_text(source, encoding="utf-8")
        request = Request(
            (sys.executable, "-m", "reference_model.parity.harness", str(folder), str(there)),
            folder,
            environment={**system.environment, **_THREADS, "PYTHONPATH": str(_ROOT)},
            limits=Limits(wall_seconds=seconds, processes=1024, scratch_bytes=2 * _MOST_BYTES),
        )

        def collect(left: Results) -> None:
            for name, most in (("results.npz", _MOST_BYTES), ("results.json", _MOST_FACTS + 1)):
                content = left.read(name, most)
                if content is not None:
                    (folder / name).write_bytes(content)

        try:
            outcome = run_in_sandbox(request, collect=collect)
        except NoSandbox as error:
            raise BadInput(str(error)) from error
        if not outcome.ok:
            ended = f"stopped by its limit on {outcome.stopped}" if outcome.stopped else f"ended with {outcome.code}"
            last = outcome.output.strip().splitlines()[-1:] or ["no output"]
            raise RunFailed(f"{script}: {ended}: {last[0][:300]}")
        return _read(folder, script)


def _lay_out(folder: Path, case: Case, system: System) -> None:
    weights = {name: parameter.detach().numpy() for name, parameter in case.model.named_parameters()}
    np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]  # its stub takes no mapping
    val = case.val
    np.savez(
        folder / "data.npz", rows=case.rows.numpy(), val=val.tokens.astype(np.int64), base=case.bytes.base,
        space=case.bytes.space, boundary=case.bytes.boundary, bytes=val.byte_counts.astype(np.int32),
    )  # fmt: skip
    shards = folder / case.shards_at()
    shards.mkdir(parents=True)
    for number, tokens in enumerate(case.shards):
        write_shard(shards / f"fineweb_train_{number:06d}.bin", tokens.tolist())
    content = {
        "system": msgspec.to_builtins(system),
        "settings": case.settings(),
        "layers": case.config.model.layers,
        "steps": STEPS,
        "shards": f"{case.shards_at()}/fineweb_train_*.bin",
        "calibration_batches": case.config.quantize.calibration_batches,
        "clip": case.config.optim.clip,
        "sidecar": case.config.data.tokenizer == "caseops",
    }
    (folder / "case.json").write_text(json.dumps(content), encoding="utf-8")


def _read(folder: Path, script: Path) -> Theirs:
    arrays, facts = folder / "results.npz", folder / "results.json"
    try:
        for path in (arrays, facts):
            if path.is_symlink() or not path.is_file():
                raise ValueError(f"no file {path.name}")
        if facts.stat().st_size > _MOST_FACTS:
            raise ValueError("too many facts")
        with zipfile.ZipFile(arrays) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise ValueError("too many bytes")
        with np.load(arrays, allow_pickle=False) as found:
            read = {name: found[name] for name in found.files}
        told = json.loads(facts.read_text(encoding="utf-8"))
        if not isinstance(told, dict):
            raise ValueError("no object")
    except (OSError, ValueError, zipfile.BadZipFile, RecursionError) as error:
        raise RunFailed(f"{script}: its results can't be read ({error})") from error
    return Theirs(read, told)


@contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="golf-parity-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
