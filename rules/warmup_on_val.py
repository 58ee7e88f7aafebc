"""A warm-up that steps on validation tokens."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding
from auditor.rule import Authority, Rule
from auditor.timeline.activity import activity
from auditor.timeline.leaks import calls_of, harmless_adaptations

SLUG = "warmup-on-val"


def check(case: Case) -> Iterator[Finding]:
    """Yield a note for each update on validation tokens that reaches no reported score.

    What reaches one is reported by the rules on the order of scoring and adapting.
    """
    timeline = case.timeline
    if timeline is None:
        return
    for adapt in harmless_adaptations(timeline):
        judged = activity(timeline, adapt.bits, [adapt])
        yield Finding(
            rule=SLUG,
            group="compliance",
            status="note",
            message="This step uses validation tokens, but nothing that it updates reaches a reported score "
            f"({', '.join(adapt.params[:3]) or 'the updated parameters'} is not the model that scores, or is restored before).",
            path=adapt.site.source.path,
            line=adapt.site.line,
            end_line=adapt.site.end_line,
            layer=adapt.site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=tuple(calls_of(adapt)),
        )


RULE = Rule(
    slug=SLUG,
    title="Warm-up steps on validation tokens",
    group="compliance",
    condition="C3",
    summary="Before the scoring loop, a compile or cache warm-up runs a backward pass and a step on validation rows.",
    why="Whether it matters is decided by what survives: a throw-away adapter that is deleted leaves no trace in the score, "
    "parameters that are scored afterwards do.",
    advice="Warm up on random or training tokens; it costs the same and nobody has to ask.",
    counterpart="Warm-up on torch.randint tokens (#1536).",
    authority=(
        Authority(
            "#1530",
            "dexhunter",
            "2026-04",
            "community",
            "structurally adapt-before-score; merged, no maintainer answered",
        ),
        Authority("#1899", "codemath3000", "2026-04", "community", "asks for warm-up without validation tokens"),
    ),
    check=check,
)
