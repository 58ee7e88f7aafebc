"""The files that a submission lacks, filled with what its logs and its other files tell."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Sequence
from statistics import fmean

from auditor.case import Case
from auditor.evidence.counted import counted_runs
from auditor.evidence.printed import Metric
from auditor.evidence.run import Run
from auditor.fix.change import Change, NewFile
from auditor.fix.claims import written
from auditor.regex import regex

_FARTHEST_SEED = 0.01  # bits per byte between seeds of one configuration, generously
_DAY = regex(r"(?<!\d)(20\d\d-[01]\d-[0-3]\d)(?!\d)[_ -]*")
# Modules whose package is known. One of another name may be a file that lies elsewhere, and the package of that name on
# an index somebody else's.
_PACKAGES = {
    "attr": "attrs",
    "brotli": "Brotli",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fla": "flash-linear-attention",
    "google": "protobuf",
    "hydra": "hydra-core",
    "PIL": "pillow",
    "pynvml": "nvidia-ml-py",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "transformer_engine": "transformer-engine",
    "yaml": "PyYAML",
} | {
    name: name
    for name in (
        "accelerate", "bitsandbytes", "boto3", "causal_conv1d", "click", "constriction", "einops", "flax",
        "ftfy", "h5py", "hqq", "ipdb", "jax", "lightgbm", "lz4", "mamba_ssm", "matplotlib", "mlx", "modal", "msgpack",
        "msgspec", "networkx", "nltk", "numba", "omegaconf", "optax", "orjson", "pandas", "peft", "polars", "psutil",
        "pyarrow", "pydantic", "regex", "requests", "rich", "safetensors", "schedulefree", "scipy", "sympy",
        "tensorboard", "tensorflow", "tokenizers", "torchao", "torchaudio", "torchvision", "transformers", "unidecode",
        "wandb", "xformers", "xgboost", "zarr", "zstandard", "zstd",
    )
}  # fmt: skip


def readme(case: Case) -> Change | None:
    """Return a README.md with title, score, seeds and command; None where no log shows a score."""
    runs = _runs(case)
    if not runs:
        return None
    mean = _mean([score for _, score in runs])
    rows = "".join(
        f"| {run.seed.value if run.seed is not None else '?'} | {score.val_bpb:.{score.decimals}f} "
        f"| {_bytes(run)} | `{run.path}` |\n"
        for run, score in runs
    )
    text = (
        f"# {_title(case)}\n\n"
        f"val_bpb: {mean} ({'mean of ' + str(len(runs)) + ' logs' if len(runs) > 1 else 'one log'})\n\n"
        f"| Seed | val_bpb | Bytes | Log |\n|-----:|--------:|------:|-----|\n{rows}\n"
        "## What is new\n\nTell here what the submission does differently, and where its idea comes from.\n"
    )
    script = case.submission.script
    if script is not None:
        text += f"\n## Run\n\n```bash\ntorchrun --standalone --nproc_per_node=8 {script}\n```\n"
    return Change(
        "Add a README.md with what the logs tell; say in it what is new", "safe", (NewFile("README.md", text),)
    )


def metadata(case: Case) -> Change | None:
    """Return a submission.json with what is known; author and GitHub id are left to be filled in."""
    runs = _runs(case)
    if not runs:
        return None
    losses = [score.val_loss for _, score in runs if score.val_loss is not None]
    sizes = [size.value for run, _ in runs if (size := run.artifact_bytes) is not None]
    seeds = [run.seed.value for run, _ in runs if run.seed is not None]
    fields: dict[str, object] = {"author": "", "github_id": "", "name": _title(case), "blurb": ""}
    day = _DAY.search(case.submission.name)
    if day is not None:
        fields["date"] = day[1]
    if len(losses) == len(runs):
        fields["val_loss"] = float(written(fmean(losses), 8))
    fields["val_bpb"] = float(_mean([score for _, score in runs]))
    if sizes:
        fields["bytes_total"] = max(sizes)
    if seeds:
        fields["seeds"] = seeds
    text = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    name = case.challenge.layout.metadata
    if name is None:
        return None
    title = f"Add a {name} with what the logs tell; fill in author and github_id"
    return Change(title, "safe", (NewFile(name, text),))


def requirements(modules: Iterable[str]) -> Change | None:
    """Return a requirements.txt with the packages that bring ``modules``; None where one's package isn't known."""
    packages = {_PACKAGES.get(module) for module in modules}
    names = sorted((package for package in packages if package is not None), key=str.lower)
    if None in packages:
        return None
    text = "".join(f"{name}\n" for name in names)
    return Change(f"Add a requirements.txt with {', '.join(names[:4])}", "safe", (NewFile("requirements.txt", text),))


def mean_score(case: Case) -> str | None:
    """Return the mean of the logs' final scores as it is written, None where no log shows one."""
    runs = _runs(case)
    return _mean([score for _, score in runs]) if runs else None


def _runs(case: Case) -> Sequence[tuple[Run, Metric]]:
    """Return the runs with a final score, each seed once, in the order of the logs."""
    found: dict[object, tuple[Run, Metric]] = {}
    for each in counted_runs(case.evidence):
        seed = each.run.seed
        found.setdefault(seed.value if seed is not None else each.run.path, (each.run, each.score))
    values = [score.val_bpb for _, score in found.values()]
    # Of runs that are further apart, ablations say, there is no mean to be claimed.
    return tuple(found.values()) if values and max(values) - min(values) <= _FARTHEST_SEED else ()


def _mean(scores: Sequence[Metric]) -> str:
    return written(fmean(score.val_bpb for score in scores), min(8, max(score.decimals for score in scores)))


def _bytes(run: Run) -> str:
    size = run.artifact_bytes
    return f"{size.value:,}" if size is not None else ""


def _title(case: Case) -> str:
    """Return what the submission calls itself, else its folder's name without the day."""
    for said in (case.evidence.metadata.text("name"), case.evidence.readme.text("title")):
        if said is not None and said.value.strip():
            return " ".join(said.value.split())
    name = posixpath.basename(case.submission.name)
    return _DAY.sub("", name).replace("_", " ").strip() or name
