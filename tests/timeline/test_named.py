"""Which report a finding names: one that runs, and that can have printed the claimed line."""

from followed import followed

from auditor.timeline.events import Report
from auditor.timeline.named import report_of

TWINS = """
import os, torch, torch.nn.functional as F, numpy as np
net = torch.nn.Linear(8, 8)
val = torch.from_numpy(np.fromfile("data/fineweb_val_0.bin", dtype=np.uint16).astype(np.int64))
bits = F.cross_entropy(net(val[:-1]), val[1:]).item() / 0.6931 * 0.41
if len(val) > 100:
    print(f"final_ngram{3} val_bpb:{bits:.4f}")
else:
    print(
        f"final_ngram{3}_partial "
        f"val_bpb:{bits:.4f}"
    )
if int(os.environ.get("AGAIN", "0")):
    print(f"final_again val_bpb:{bits:.4f}")
"""


def reports() -> tuple[list[Report], int]:
    timeline = followed(TWINS, prelude="")
    return [event for event in timeline.events if isinstance(event, Report)], timeline.in_play


def test_a_report_that_no_setting_reaches_is_not_named() -> None:
    found, running = reports()
    assert [report.site.line for report in found] == [7, 9, 14]
    assert report_of(found, running, [], []).site.line == 9
    assert report_of(found[2:], running, [], []).site.line == 14


def test_of_several_with_the_same_first_words_the_one_whose_words_are_in_the_log_is_named() -> None:
    found, running = reports()
    assert report_of(found, running, found, ["final_ngram3 val_bpb:1.1000"]).site.line == 7
    assert report_of(found, running, found, ["final_ngram3_partial val_bpb:1.1000"]).site.line == 9
