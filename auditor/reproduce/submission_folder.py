"""The finished reference run as a folder that can be submitted: README, metadata, logs, artifacts, script.

``train_gpt.py`` is the whole package, packed into the one script whose bytes the logs count.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from auditor.reproduce.launch import log_path
from auditor.reproduce.model import Measured, PlannedRun, Reproduction
from auditor.reproduce.record import read_record
from auditor.reproduce.report import words

_TRACK = "track_non_record_16mb"
_SCRIPT = "train_gpt.py"
_REQUIREMENTS = ("torch", "numpy", "sentencepiece", "msgspec", "click", "rich", "platformdirs", "brotli", "zstandard")
_README = """\
# {name}

The reference model of golf-audit, preset `{preset}`: {about}

val_bpb **{mean:.6f}** (mean of {count}, sd {sd}), on {hardware}. {data}

| seed | val_bpb | val_loss | steps | train s | eval s | artifact bytes |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

Not a record: trained on {hardware}, not on 8xH100.

`train_gpt.py` is the package `reference_model` of golf-audit{commit}, packed: {code:,} bytes.
With at most {model:,} bytes of model that makes {total:,}. `statistics.md` has the statistics over the seeds; each log
says what it ran on; `final_model_seed*.golf` are the scored artifacts.

```console
$ pip install -r requirements.txt
{commands}
```
"""


def write_folder(found: Reproduction) -> Path:
    """Write the folder below the output and return it; every run of ``found`` is done and scored."""
    from reference_model.artifact.bundle import script
    from reference_model.presets import load

    first = _result(found.plan.runs[0])
    preset = load(_preset_argument(found.plan.runs[0]))
    day = date.fromisoformat(str(_record(found.plan.runs[0])["started"])[:10])
    folder = found.plan.output / "submission" / "records" / _TRACK / f"{day}_ReferenceModel_{first['preset']}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / _SCRIPT).write_bytes(script())
    if Path(_preset_argument(found.plan.runs[0])).is_file():
        shutil.copy(_preset_argument(found.plan.runs[0]), folder)
    for run in found.plan.runs:
        shutil.copyfile(log_path(run), folder / log_path(run).name)
        artifact = _record(run)["artifact"]["path"]
        shutil.copyfile(run.folder / artifact, folder / f"final_model_seed{run.seed}{Path(artifact).suffix}")
    shutil.copyfile(found.plan.output / "statistics.md", folder / "statistics.md")
    (folder / "requirements.txt").write_text("\n".join(_requirements(found)) + "\n", encoding="utf-8")
    metadata = _metadata(found, day, preset.about)
    (folder / "submission.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(found, metadata, preset.about), encoding="utf-8")
    return folder


def _requirements(found: Reproduction) -> list[str]:
    """Return the packages with the versions that were used, where those are known."""
    used = found.plan.machine.packages
    return [f"{name}=={used[name].partition('+')[0]}" if name in used else name for name in _REQUIREMENTS]


def _metadata(found: Reproduction, day: date, about: str) -> dict[str, Any]:
    sample = found.judgement.sample
    assert sample is not None
    largest = max(found.runs, key=lambda run: run.artifact_bytes or 0)
    return {
        "author": "golf-audit",
        "github_id": "golf-audit",
        "name": f"Reference model of golf-audit, preset {_result(found.plan.runs[0])['preset']}",
        "blurb": about,
        "date": f"{day}T00:00:00Z",
        "track": "non-record-16mb",
        "val_loss": _mean([run.val_loss for run in found.runs]),
        "val_bpb": round(sample.mean, 8),
        "bytes_total": largest.artifact_bytes,
        "bytes_code": largest.code_bytes,
        "hardware": found.plan.machine.hardware,
        "seeds": [run.seed for run in found.runs],
        "seed_results": {str(run.seed): _seed(run) for run in found.runs},
    }


def _seed(run: Measured) -> dict[str, Any]:
    return {
        "val_bpb": run.val_bpb,
        "val_loss": run.val_loss,
        "artifact_bytes": run.artifact_bytes,
        "steps": run.steps,
    }


def _readme(found: Reproduction, metadata: dict[str, Any], about: str) -> str:
    sample, largest = found.judgement.sample, max(found.runs, key=lambda run: run.model_bytes or 0)
    assert sample is not None
    return _README.format(
        name=metadata["name"],
        preset=_result(found.plan.runs[0])["preset"],
        about=about,
        mean=sample.mean,
        count=f"{sample.n} seeds" if sample.n > 1 else "one seed",
        sd="–" if sample.sd is None else f"{sample.sd:.6f}",
        hardware=found.plan.machine.hardware,
        data=_data(found),
        rows="\n".join(_row(run) for run in found.runs),
        commit=_commit(found),
        code=largest.code_bytes or 0,
        model=largest.model_bytes or 0,
        total=largest.artifact_bytes or 0,
        commands="\n".join(f"$ {_command(run)}" for run in found.plan.runs),
    )


def _commit(found: Reproduction) -> str:
    if found.commit.sha is None:
        return ""
    return f" at commit {found.commit.sha[:12]}" + (" with changes" if found.commit.dirty else "")


def _data(found: Reproduction) -> str:
    from reference_model.data.variants import VARIANTS

    scored = {run.val_tokens for run in found.runs}
    if scored & {variant.val_targets for variant in VARIANTS}:
        return "Scored on the challenge's whole validation split."
    return "Trained and scored on other text than the challenge's: the score can't be compared with the leaderboard's."


def _row(run: Measured) -> str:
    _, _, bpb, steps, train, evaluation, size, _ = words.cells(run)
    loss = "–" if run.val_loss is None else f"{run.val_loss:.6f}"
    return f"| {run.seed} | {bpb} | {loss} | {steps} | {train} | {evaluation} | {size} |"


def _command(run: PlannedRun) -> str:
    """Return the command of a run as it is written in the folder: the script instead of the module, no places."""
    words_ = list(run.command[1:])
    at = words_.index("-m", words_.index("torch.distributed.run") + 1) if "torch.distributed.run" in words_ else 0
    launcher = "python" if at == 0 else " ".join(["torchrun", *words_[2:at]])
    options = words_[at + 2 :]
    kept = []
    for name, value in zip(options[::2], options[1::2], strict=True):
        if name not in ("--out", "--data"):
            kept += [name, Path(value).name if name == "--preset" else value]
    return " ".join([launcher, _SCRIPT, *kept])


def _preset_argument(run: PlannedRun) -> str:
    return run.command[run.command.index("--preset") + 1]


def _record(run: PlannedRun) -> dict[str, Any]:
    content = read_record(run)
    assert content is not None
    return content


def _result(run: PlannedRun) -> dict[str, Any]:
    result = _record(run)["result"]
    assert isinstance(result, dict)
    return result


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 8) if known else None
