"""Calls of compiled code: the source that is followed, what its results are made from, what stays undecided."""

import sys

import pytest
from followed import followed

from auditor.timeline.events import Lookup, Mixture, Timeline
from auditor.timeline.rests import rests_on

HEAD = """
import ctypes, glob, math, os, subprocess
import importlib.util
from pathlib import Path
import numpy as np
import torch
import torch.nn.functional as F

class Net(torch.nn.Module):
    def forward(self, ids):
        return torch.nn.functional.one_hot(ids, 64).float() @ self.weight

net = Net()
tokens = torch.from_numpy(np.fromfile("data/fineweb_val_000.bin", dtype=np.uint16).astype(np.int32))
ids = tokens[1:].numpy()
nll = F.cross_entropy(net(tokens[:-1]), tokens[1:].long(), reduction="none").numpy()
"""
TAIL = """
print(f"val_bpb:{total / math.log(2.0) / len(ids):.6f}")
"""
SOURCE = """#include <stdint.h>
static double seen[4096], both[4096];
void weigh(const int32_t *ids, const float *nll, int64_t n, float *out) {
    for (int64_t i = 1; i < n; i++) {
        uint32_t row = ((uint32_t)ids[i - 1] * 40503u) & 4095u;
        uint32_t cell = ((uint32_t)ids[i - 1] * 40503u ^ (uint32_t)ids[PLACE] * 977u) & 4095u;
        double share = seen[row] > 0 ? both[cell] / seen[row] : 0.0;
        out[i] = -logf(0.9f * expf(-nll[i]) + 0.1f * share);
        seen[row] += 1.0;
        both[((uint32_t)ids[i - 1] * 40503u ^ (uint32_t)ids[i] * 977u) & 4095u] += 1.0;
    }
}
"""
CALL = """
out = np.zeros(len(ids), dtype=np.float32)
lib = ctypes.CDLL("./weigh.so")
at = lambda array: array.ctypes.data_as(ctypes.c_void_p)
lib.weigh(at(ids), at(nll), ctypes.c_int64(len(ids)), at(out))
total = out.sum()
"""


def follow(body: str, place: str = "i", **files: str) -> Timeline:
    named = {
        name.replace("_cpp", ".cpp").replace("_c", ".c").replace("_py", ".py"): text for name, text in files.items()
    }
    return followed(body.replace("PLACE", place) + TAIL, named, prelude=HEAD)


def keys(timeline: Timeline) -> list[tuple[str, int]]:
    return [
        (e.site.source.path, e.site.line)
        for e in timeline.events
        if isinstance(e, Lookup) and e.target and any(r.bits for r in e.reports)
    ]


def undecided(timeline: Timeline) -> list[str]:
    return [u.what for u in timeline.unfollowed if u.decisive]


def test_a_file_beside_the_script():
    assert keys(follow(CALL, weigh_c=SOURCE.replace("PLACE", "i"))) == [("weigh.c", 6)]
    assert keys(follow(CALL, weigh_c=SOURCE.replace("PLACE", "i - 1"))) == []


def test_a_constant_of_the_script_counts_its_lines():
    timeline = follow(f'CODE = r"""{SOURCE}"""\n' + CALL)
    text = timeline.events[-1].site.source.text
    assert keys(timeline) == [("train_gpt.py", text[: text.index("uint32_t cell")].count("\n") + 1)]


def test_without_a_source_nothing_is_decided():
    assert "compiled code is given validation tokens: weigh()" in undecided(follow(CALL))
    assert undecided(follow(CALL, weigh_c=SOURCE.replace("PLACE", "i - 1"))) == []


def test_what_the_source_calls_elsewhere_is_not_decided():
    source = SOURCE.replace("ids[PLACE]", "other(ids, i)")
    assert undecided(follow(CALL, weigh_c=source)) == [
        "compiled code is given validation tokens: other() is not part of the source"
    ]


def test_a_loaded_inline_extension():
    source = """#include <torch/extension.h>
    torch::Tensor total(torch::Tensor ids, torch::Tensor nll) {
        auto t = ids.data_ptr<int>();
        auto cost = nll.data_ptr<float>();
        auto out = torch::zeros({1});
        double sum = 0.0;
        for (int64_t i = 0; i < nll.size(0); i++) sum += cost[i];
        return out + sum;
    }"""
    timeline = follow(
        f'from torch.utils.cpp_extension import load_inline\nmod = load_inline("total", cpp_sources=r"""{source}""")\n'
        "total = mod.total(tokens[1:], nll)\n"
    )
    assert not [e for e in timeline.events if isinstance(e, Lookup | Mixture)]


EXTENSION = """#include <pybind11/pybind11.h>
#include <pybind11/numpy.h>
namespace py = pybind11;
class Guess {
    py::array_t<int64_t> ids_;
    py::array_t<uint8_t> begins_;
    double push_;
    std::unordered_map<int64_t, int64_t> after_;
public:
    Guess(double push) : push_(push) {}
    void text(py::array_t<int64_t> ids) { ids_ = ids; }
    void kinds(py::array_t<uint8_t> begins) { begins_ = begins; }
    void guess(py::array_t<int64_t> hint, py::array_t<double> boost) {
        auto ids = ids_.unchecked<1>();
        auto begins = begins_.unchecked<1>();
        int64_t *h = hint.mutable_data();
        double *b = boost.mutable_data();
        for (ssize_t i = 1; i < ids.size(); i++) {
            int64_t token = ids(i), known = ids(i - 1);
            h[i] = -1;
            b[i] = 0.0;
            auto found = after_.find(known);
            if (!begins(PLACE) && found != after_.end()) { h[i] = found->second; b[i] = push_; }
            after_[known] = token;
        }
    }
};
PYBIND11_MODULE(NAME, m) {
    py::class_<Guess>(m, "Guess").def(py::init<double>()).def("text", &Guess::text)
        .def("kinds", &Guess::kinds).def("guess", &Guess::guess);
}
"""
GUESS = """
from guessing import Guess
maker = Guess(0.3)
maker.text(tokens.numpy().astype(np.int64))
maker.kinds(np.load("begins.npy").astype(np.uint8))
hint, boost = np.zeros(len(tokens), dtype=np.int64), np.zeros(len(tokens))
maker.guess(hint, boost)
h, b = torch.from_numpy(hint)[1:], torch.from_numpy(boost)[1:]
logits, y = net(tokens[:-1]), tokens[1:].long()
cost = F.cross_entropy(logits, y, reduction="none")
share = F.softmax(logits, -1).gather(1, h.clamp(min=0).unsqueeze(1)).squeeze(1)
total = (cost + (h >= 0) * ((1 + share * (b.exp() - 1)).log() - b * (h == y))).sum().item()
"""


@pytest.mark.parametrize("name", ["guessing", "TORCH_EXTENSION_NAME"])
@pytest.mark.parametrize(("place", "gates"), [("token", ["hint"]), ("known", [])])
def test_a_class_of_an_extension_module(name, place, gates):
    timeline = follow(GUESS, guess_cpp=EXTENSION.replace("NAME", name).replace("PLACE", place))
    assert [e.kind for e in timeline.events if isinstance(e, Mixture)] == gates
    assert undecided(timeline) == [] and all(entry.followed for entry in rests_on(timeline, ()))


def test_a_class_of_an_extension_module_that_no_text_becomes():
    timeline = follow(GUESS, guess_cpp=EXTENSION.replace("NAME", "another").replace("PLACE", "token"))
    assert not [e for e in timeline.events if isinstance(e, Mixture)]
    assert any("Guess()" in entry.what for entry in rests_on(timeline, ()) if not entry.followed)


def test_arrays_that_go_through_a_file_are_still_scores():
    body = """
with open(f"/tmp/part{os.getpid()}.bin", "wb") as f:
    nll.tofile(f)
    ids.tofile(f)
parts = []
for p in glob.glob("/tmp/part*.bin"):
    with open(p + "", "rb") as f:
        parts.append((np.fromfile(f, dtype=np.float32, count=9), np.fromfile(f, dtype=np.int32, count=9)))
nll = np.concatenate([a for a, b in parts])
ids = np.concatenate([b for a, b in parts])
"""
    assert keys(follow(body + CALL, weigh_c=SOURCE.replace("PLACE", "i"))) == [("weigh.c", 6)]


def test_a_module_that_is_loaded_by_its_path():
    body = """
def load(path):
    spec = importlib.util.spec_from_file_location("scoring", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made

total = load(Path(__file__).resolve().parent / "scoring.py").score(ids, nll)
"""
    helper = "import ctypes\nimport numpy as np\n\ndef score(ids, nll):\n" + "".join(
        f"    {line}\n" for line in CALL.replace("total =", "return").strip().split("\n")
    )
    timeline = follow(body, scoring_py=helper, weigh_c=SOURCE.replace("PLACE", "i"))
    assert keys(timeline) == [("weigh.c", 6)]


@pytest.mark.parametrize("name", ["tree_sitter", "tree_sitter_cpp"])
def test_the_parser_is_imported_only_for_native_code(name, monkeypatch):
    monkeypatch.delitem(sys.modules, name, raising=False)
    follow("total = nll.sum()")
    assert name not in sys.modules
