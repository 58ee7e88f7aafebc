"""A claimed score that a second script prints is judged by that script, and by no other."""

import pytest
from submissions import submission

from auditor.check import audit
from auditor.finding import Finding
from rules import target_in_key

CACHED = target_in_key.RULE.invalid[0].code
PRINTED = 'print(f"val_bpb:{'
SCORER = CACHED.replace(PRINTED, 'print(f"scored_with_cache val_bpb:{')
TRAINER = target_in_key.RULE.valid[0].code.replace(PRINTED, 'print(f"network_alone val_bpb:{')
LOG = "seed:42\nnetwork_alone val_bpb:1.200000\nscored_with_cache val_bpb:1.100000\n"
COMMANDS = "# Run\n\n```bash\npython train_gpt.py\npython score.py\n```\n"


def found(claim: str, readme: str) -> list[Finding]:
    files = {
        "score.py": SCORER,
        "README.md": readme,
        "train_seed42.log": LOG,
        "submission.json": f'{{"val_bpb": {claim}, "seeds": [42]}}',
    }
    findings = audit(submission(TRAINER, files), select=["target-in-key"]).findings
    return [finding for finding in findings if finding.path == "score.py"]


def test_the_script_that_prints_the_claimed_score_is_followed() -> None:
    assert PRINTED in CACHED
    (finding,) = found("1.1", COMMANDS)
    assert finding.status == "violation"


@pytest.mark.parametrize(
    ("claim", "readme"),
    [("1.2", COMMANDS), ("1.1", COMMANDS.replace("python score.py\n", ""))],
    ids=["the train script prints the claim", "no command starts it"],
)
def test_other_second_scripts_are_left_alone(claim: str, readme: str) -> None:
    assert found(claim, readme) == []
