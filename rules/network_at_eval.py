"""Going over the network while the score is made."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Status
from auditor.rule import Authority, Example, Rule
from auditor.timeline.activity import activity
from auditor.timeline.paths import calls_of
from auditor.timeline.trackers.network.network import Network, after_training
from rules.torch_scripts import evaluating, scored

SLUG = "network-at-eval"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each network call that the script reaches: after training a violation, before it a note."""
    timeline = case.timeline
    if timeline is None:
        return
    for event, late in after_training(timeline):
        judged = activity(timeline, event.bits, [event])
        status: Status = judged.status if late else "note"
        if status == "violation" and event.fallback:
            status = "hold"
        yield Finding(
            rule=SLUG,
            group="compliance",
            status=status,
            message=_say(event, late),
            path=event.site.source.path,
            line=event.site.line,
            end_line=event.site.end_line,
            layer=event.site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=tuple(calls_of(event)),
        )


def _say(event: Network, late: bool) -> str:
    what = (
        f"A package is installed over the network ({event.what})"
        if event.installs
        else f"The network is used ({event.what})"
    )
    when = "after training, on the way to the score" if late else "before training ends"
    if event.fallback:
        return f"{what} {when}, where something else fails or is missing: have it in place before."
    return f"{what} {when}." if late else f"{what} {when}: the evaluation must run without it."


_DOWNLOAD = """
def evaluate(model, tokens):
    import urllib.request
    urllib.request.urlretrieve("https://example.org/table.bin", "table.bin")
    extra = torch.from_numpy(np.fromfile("table.bin", dtype=np.float32))
    total = torch.zeros(())
    with torch.inference_mode():
        for at in range(0, tokens.numel() - 1025, 1024):
            logits = model.head(model.embed(tokens[at:at + 1024])) + extra
            total += F.cross_entropy(logits, tokens[at + 1:at + 1025], reduction="sum")
    return total.item() / (tokens.numel() - 1)
"""

_HUB = """
from huggingface_hub import hf_hub_download

def fetch(name):
    return hf_hub_download(repo_id="someone/weights", filename=name)
"""

_INSTALL = """
import subprocess, sys

def unpacked(path):
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "zstandard"])
    import zstandard
    return zstandard.ZstdDecompressor().decompress(open(path, "rb").read())
"""

_UNREACHED = """
def prepare_data():
    import requests
    for shard in range(80):
        open(f"data/fineweb_train_{shard:06d}.bin", "wb").write(requests.get(f"https://example.org/{shard}").content)
"""


RULE = Rule(
    slug=SLUG,
    title="Network used on the way to the score",
    group="compliance",
    condition="data",
    summary="Between training and the reported score the script downloads something, asks a hub or installs a package.",
    why="The artifact is self-contained: whatever the evaluation fetches is information, or code, that its 16 MB "
    "do not hold. The machine that checks a record has no network.",
    advice="Fetch what is needed before the run and count it; name packages in requirements.txt.",
    counterpart="Data and packages are in place before the script starts.",
    authority=(
        Authority("README", "OpenAI", "2026", "official", "no network calls and no downloads at evaluation"),
        Authority("README", "OpenAI", "2026", "official", "the artifact is fully self-contained"),
    ),
    check=check,
    known_problems="What happens before training ends is a note: fetching data and packages is part of setting up. "
    "Network use inside libraries, or through a shell script, is not seen.",
    invalid=(
        Example(
            "the evaluation fetches a table",
            evaluating(_DOWNLOAD),
            line='urllib.request.urlretrieve("https://example.org/table.bin", "table.bin")',
        ),
        Example(
            "weights from a hub after training",
            scored(_HUB, '\nmodel.load_state_dict(torch.load(fetch("model.pt")))\n'),
            line='return hf_hub_download(repo_id="someone/weights", filename=name)',
        ),
        Example(
            "a package is installed to read the artifact",
            scored(_INSTALL, '\nimport io\nmodel.load_state_dict(torch.load(io.BytesIO(unpacked("model.zst"))))\n'),
            line='subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "zstandard"])',
        ),
    ),
    valid=(
        Example("a helper that downloads data is never called", scored(_UNREACHED, "")),
        Example(
            "a package is installed at the start",
            "try:\n    import brotli\nexcept ImportError:\n    import os\n    os.system('pip install brotli')\n"
            + scored(""),
        ),
        Example(
            "the download is switched off",
            scored(
                _HUB,
                '\nif os.environ.get("FETCH_WEIGHTS"):\n    model.load_state_dict(torch.load(fetch("model.pt")))\n',
            ),
        ),
    ),
)
