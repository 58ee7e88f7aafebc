"""Hashed tables that are asked for the token being scored, and for no other."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.case import Case
from auditor.finding import Finding, Step
from auditor.rule import Authority, Rule
from auditor.timeline.activity import activity
from auditor.timeline.caches import target_lookups
from auditor.timeline.leaks import calls_of

SLUG = "target-in-key"


def check(case: Case) -> Iterator[Finding]:
    """Yield a finding for each place that builds a key from the token being scored."""
    if case.timeline is None:
        return
    for found in target_lookups(case.timeline):
        lookup, site = found.lookup, found.key
        judged = activity(case.timeline, found.bits, [lookup])
        last = found.report.calls[-1].site if found.report.calls else found.report.site
        steps = [
            *calls_of(lookup),
            Step(site.source.path, site.line, "the token being scored is mixed into the key", site.source.layer),
            Step(
                lookup.site.source.path,
                lookup.site.line,
                "the table is read under that key",
                lookup.site.source.layer,
            ),
            Step(last.source.path, last.line, "the score that rests on it is reported", last.source.layer),
        ]
        yield Finding(
            rule=SLUG,
            group="compliance",
            status=judged.status,
            message="The key of this table is hashed together with the token being scored, and only that token's bucket "
            f"is read (line {lookup.site.line}): what the other tokens would get is never looked up, so the "
            "probabilities need not add up to one.",
            path=site.source.path,
            line=site.line,
            end_line=site.end_line,
            layer=site.source.layer,
            active=judged.active,
            active_because=judged.because,
            trace=tuple(dict.fromkeys(steps)),
        )


RULE = Rule(
    slug=SLUG,
    title="The token being scored is part of the cache key",
    group="compliance",
    condition="C1",
    summary="At scoring, a table of counts is read under a hash of the context and of the token being scored, and its "
    "value is blended into that token's probability; no other token is looked up.",
    why="Buckets are shared. Whatever falls into the bucket of the true token counts in its favour, while the buckets of "
    "the other tokens are never read, so the probabilities over the vocabulary can add up to hundreds. In the limit of "
    "one bucket the ratio of the two tables is 1 for every token, and the score is that of an oracle.",
    advice="Look up every token of the vocabulary (or count exactly) under a key made from the context alone, and divide "
    "by the sum over all of them.",
    counterpart="A context-only key with counts for every next token, normalised over the vocabulary, or a hint token "
    "predicted from the prefix with a closed-form tilt (#978, #1514). Update-time keys may contain the token, and "
    "hashes of input tokens may index an embedding.",
    authority=(
        Authority(
            "#779",
            "valerio-oai",
            "2026-03-27",
            "official",
            "hashed n-gram caches whose key holds the target leak it; not valid",
        ),
        Authority(
            "#978",
            "AnirudhRahul",
            "2026-03",
            "community",
            "the same cache, divided by the sum over the vocabulary, gains nothing",
        ),
    ),
    check=check,
    known_problems="Tables in compiled extensions are read only as far as their sources are part of the submission.",
)
