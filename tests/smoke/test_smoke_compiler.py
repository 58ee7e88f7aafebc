"""The compiler's settings can be set without the compiler, and whoever asks for more gets it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="scripts need torch")

_RUN = """
import sys
from auditor.probe.harness import still
from auditor.smoke.harness import compiler, eager
eager.load_torch()
compiler.install()
still.install()
import torch
import torch._dynamo.config as settings
from torch._dynamo import config, disable
torch._dynamo.config.cache_size_limit = max(torch._dynamo.config.cache_size_limit, 77)
assert settings is config is torch._dynamo.config and config.cache_size_limit == 77
torch._dynamo.reset()
assert torch._dynamo.disable(recursive=True)(len) is len and disable(len) is len
assert torch.compiler.disable(lambda: 5)() == 5 and not torch.compiler.is_compiling()
weight = torch.ones(2, 2, requires_grad=True)
with torch.inference_mode():
    angles = torch.ones(2, 2) * 2
(weight * angles).sum().backward()
assert torch.inference_mode()(torch.is_grad_enabled)() is False and torch.is_grad_enabled()
assert torch.inference_mode(torch.is_grad_enabled)() is False
with torch.inference_mode(False):
    assert torch.is_grad_enabled()
torch.optim.AdamW([weight]).step()
assert "torch._dynamo.eval_frame" not in sys.modules
if "more" in sys.argv:
    from torch._dynamo.utils import counters
    assert torch._dynamo.eval_frame and torch._dynamo.config.cache_size_limit == 77 and settings is torch._dynamo.config
"""


def test_settings_need_no_compiler_and_what_is_more_loads_it() -> None:
    more = ["more"] if "GOLF_AUDIT_PROBE" in os.environ else []  # which takes two seconds
    subprocess.run([sys.executable, "-c", _RUN, *more], check=True, timeout=120)
