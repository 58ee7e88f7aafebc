"""What READMEs claim, in tables and in prose."""

from __future__ import annotations

from auditor.evidence.claims import ClaimSet
from auditor.evidence.model import Evidence
from auditor.evidence.readme import read_readme

README = """# Record: a stack of ideas, val_bpb 1.0810

Improves on the previous 1.0928 BPB record.

| Seed | Sliding BPB | val_bpb | Artifact bytes | Steps |
|------|------------:|--------:|---------------:|------:|
| 42   | 1.0920      | 1.08079 | 15,991,930     | 4550  |
| 314  | 1.0921      | 1.08103 | 15,992,919     | 4551  |
| **Mean** |         | **1.0810** | 15,992,400  |       |

| Model | BPB |
|-------|-----|
| baseline | 1.2244 |

Total artifact: 15,993,001 bytes (cap: total 16,000,000 bytes). Trained with seeds 42, 314.
"""


def read(text: str) -> ClaimSet:
    return read_readme("README.md", text.encode())


def test_tables_give_a_claim_per_seed_and_the_mean() -> None:
    found = read(README)
    per_seed = [(c.seed, c.value, c.line) for c in found.all("val_bpb", per_seed=True)]
    assert (42, 1.08079, 7) in per_seed
    assert (314, 1.08103, 8) in per_seed
    first = found.first("val_bpb")
    assert first is not None
    assert (first.value, first.line, first.decimals) == (1.081, 9, 4)
    assert found.seeds == (42, 314)


def test_other_peoples_scores_are_no_claims() -> None:
    values = {c.value for c in read(README).numbers if c.name == "val_bpb"}
    assert 1.2244 not in values
    assert 1.0928 not in values


def test_prose_counts_where_no_table_does() -> None:
    found = read(
        "# A try\n\nFinal val_bpb: **1.2244** with pre-quant val_bpb: 1.2100, a gain of 0.004 BPB.\nSeeds: 1, 2, 3\n"
    )
    assert [(c.name, c.value) for c in found.numbers] == [("val_bpb", 1.2244), ("prequant_bpb", 1.21)]
    assert found.seeds == (1, 2, 3)


def test_an_estimate_is_no_claim() -> None:
    assert read("# A\n\nEstimated post-quant BPB: ~1.16 to 1.17, pending a run\n").all("val_bpb") == ()
    claimed = read("# A\n\nPost-quant BPB: 1.16\n").first("val_bpb")
    assert claimed is not None and claimed.value == 1.16


def test_of_several_scores_of_a_row_the_final_one_is_claimed() -> None:
    for header in ("| Seed | Base val_bpb | TTT val_bpb | TTT time |", "| Seed | Start bpb | End bpb | Clock |"):
        found = read(f"{header}\n|---|---|---|---|\n| 42 | 1.21 | 1.17 | 495s |\n| Mean | 1.22 | 1.18 | 496s |\n")
        first = found.first("val_bpb")
        assert first is not None
        assert first.value == 1.18
        assert found.all("val_bpb", per_seed=True)[0].value == 1.17
    lower = read("| Seed | Final bpb | Oracle bpb |\n|---|---|---|\n| Mean | 1.22 | 1.18 |\n").first("val_bpb")
    assert lower is not None
    assert lower.value == 1.22


def test_what_was_built_on_is_no_claim() -> None:
    found = read(
        "# A candidate\n\n**Base**: `2026-03-20_Something` - 1.1427 BPB\n\nInherited reference numbers:\n\n"
        "- sliding `val_bpb`: `1.1248`\n- total: 1\n\nOwn run:\n- sliding `val_bpb`: `1.1459`\n"
    )
    assert [c.value for c in found.all("val_bpb")] == [1.1459]


def test_the_cap_is_no_size() -> None:
    assert read("Total artifact must stay below 16,000,000 bytes").all("artifact_bytes") == ()
    assert [c.value for c in read(README).all("artifact_bytes")] == [15992400.0, 15993001.0]


def test_a_label_and_its_value() -> None:
    found = read("| Metric | Value |\n|---|---|\n| val_bpb | 1.5 |\n| Artifact size | 15.2 MB |\n")
    assert [(c.name, c.value) for c in found.numbers] == [("val_bpb", 1.5), ("artifact_bytes", 15_200_000.0)]


def test_metadata_goes_before_the_readme() -> None:
    readme = read(README)
    claims = Evidence(readme=readme).claims()
    assert (claims.val_bpb, claims.artifact_bytes, claims.seeds) == (1.081, 15992400, (42, 314))


def test_a_title_that_ends_with_the_score_and_another_ones_score() -> None:
    found = read("# Candidate: a wider table — 1.1195\n\n- first_roundtrip val_bpb: 1.14332344\n")
    assert next(c.value for c in found.all("val_bpb")) == 1.1195
    assert not read("# A\n\nPR #1234 with more depth achieved 1.0600 BPB here.\n").all("val_bpb")


def test_thousands_may_be_parted_by_spaces() -> None:
    row = "| 7 | 5 538 | 1.1425 | 15\u202f988\u202f293 bytes |"
    table = f"| Seed | steps | val_bpb | Artifact |\n|---|---|---|---|\n{row}\n"
    claims = read_readme("README.md", f"# Deeper\n\n{table}".encode())
    assert [c.value for name in ("steps", "artifact_bytes") for c in claims.all(name, per_seed=True)] == [
        5538,
        15_988_293,
    ]
