"""What a script does, in the challenge's own words. Rules read these; they don't read syntax."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from msgspec import Struct, field

from auditor.submission.model import Setting
from auditor.timeline.unheard import Place, Unheard
from auditor.timeline.values.bounds import Part
from auditor.timeline.values.frames import CallStep, Guard, Site


class Event(Struct, eq=False):
    """Something that happens at ``site``, reached through ``calls``, under the settings ``bits``.

    ``undecided`` are the settings under which a switch on the way could not be evaluated.
    ``loops`` are the loops in progress, outermost first (one number per run of a loop).
    """

    site: Site
    calls: tuple[CallStep, ...]
    guards: tuple[Guard, ...]
    loops: tuple[int, ...]
    bits: int
    undecided: int
    order: int
    branches: tuple[int, ...] = ()  # open conditions on the way: twice a number, plus one in the other branch

    def excludes(self, branches: list[int]) -> bool:
        """Return whether this lies in the other branch of an open condition that is in progress."""
        return any(branch ^ 1 in branches for branch in self.branches)


class Load(Event, eq=False):
    """Data is read: ``split`` is ``val``, ``train`` or ``other``; ``switches`` had a say in which file it is."""

    split: str = "other"
    switches: tuple[str, ...] = ()


class Adapt(Event, eq=False):
    """Parameters are updated from data.

    ``kinds`` are the origins of the gradient (VAL, TRAIN); ``region`` the loop iterations that pick its tokens;
    ``gradient`` where the gradient was taken; ``forwards`` the forwards whose loss it is; ``params`` what is updated.
    ``delta``: it is not the model that is updated but something of the evaluation's own, ``shared`` by the rows of a
    batch or not; ``objective`` are then the parts of a window in whose loss the gradient was taken.
    """

    number: int = 0
    kinds: int = 0
    region: int = 0
    gradient: Site | None = None
    forwards: tuple[Forward, ...] = ()
    params: tuple[str, ...] = ()
    data: Site | None = None
    loop_nodes: tuple[Site, ...] = ()
    delta: Literal["", "own", "shared"] = ""
    objective: tuple[Part, ...] = ()

    @property
    def without_loss(self) -> bool:
        """Whether something is made of the tokens themselves (counts, a statistic), and no loss was differentiated."""
        return not self.forwards and self.gradient == self.site


class Forward(Event, eq=False):
    """The model is applied to data.

    ``conflicts``: for each earlier adaptation of this model on overlapping tokens, the settings under which
    both happen. ``reports`` are the reports that its loss reaches, ``learned`` whether its loss is differentiated;
    ``scored`` the parts of a window that the reports keep.
    """

    number: int = 0
    kinds: int = 0
    region: int = 0
    no_grad: bool = False
    model: str = ""
    conflicts: dict[int, int] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    learned: bool = False
    scored: tuple[Part, ...] = ()


class Report(Event, eq=False):
    """A score is printed, logged or written; ``in_nats`` where the script never tells one in bits."""

    label: str = ""
    forwards: tuple[Forward, ...] = ()
    in_nats: bool = False
    opaque: tuple[Opaque, ...] = ()  # what it may rest on that could not be followed


class Lookup(Event, eq=False):
    """A table is read under a key that mixes tokens.

    ``key`` are the reads in it (see ``trackers.keys.caches``), ``target`` those of them that are the token
    being scored, ``mixing`` where they entered the key; ``candidates``: every candidate is looked up, each under a
    key of its own; ``joined``: several tokens were made into one number or text; ``unsure``: whether the key holds the
    token being scored depends on the places that it is used for; ``reports`` are the scores that rest on it.
    """

    key: int = 0
    target: int = 0
    unsure: bool = False
    mixing: Site | None = None
    candidates: bool = False
    joined: bool = False
    atom: int = 0
    reports: list[Report] = field(default_factory=list)


class Update(Event, eq=False):
    """A table is changed under a key made from tokens (``key``: its reads; ``exact``: none of them is mixed)."""

    key: int = 0
    exact: bool = False


MixtureKind: TypeAlias = Literal[
    "pseudo",
    "bytes",
    "gate",
    "hint",
    "oracle",
    "ratio",
    "blend",
    "unweighted",
    "doubled",
    "bent",
    "overweight",
    "scaled",
    "shift",
    "counted",
    "preview",
    "told",
    "heated",
    "raised",
    "peak",
    "bonus",
    "loose",
    "noisy",
    "powers",
    "lifted",
    "smoothed",
    "rescored",
    "pointed",
]


class Mixture(Event, eq=False):
    """Predictions are blended, or one of them is picked, in a way that looks at the token being scored.

    ``kind``: ``pseudo`` (a row that gives every token the same mass), ``bytes`` (the token's loss is blended with a
    prediction of its bytes), ``gate`` (the weight depends on the token's loss), ``hint`` (a hint is given only for
    some kinds of tokens, the one being scored among them), ``oracle`` (the better loss is kept), ``ratio`` (a
    candidate's count is divided by another table's), ``unweighted`` (two probabilities of the token are added
    without weights), ``doubled`` (its probability and another entry of the same prediction are), ``bent`` (a
    multiple of a power of the token's loss is taken off that loss), ``overweight`` (with constant weights that add
    up to more than one), ``scaled`` and ``shift`` (the token's loss is multiplied by a constant, or a constant is
    taken off it or given to its probability), ``counted`` (a table holds the token already; ``at`` is where it is
    judged by it), ``preview`` (and counted it in the same round), ``told`` (the weight is computed from the token
    itself), ``heated`` (the predictions are scaled by what is computed from it), ``peak`` (the largest of several
    whole predictions, without a division by its sum), ``bonus`` (a hint that names the token takes something off
    its loss, and one that names another costs nothing), ``raised`` (a test of the token decides whether its
    probability is raised or stays the model's own), ``loose`` (with weights that nothing makes add up to one),
    ``noisy`` (the probability that one of two predictions is right), ``lifted`` (something is added to some tokens
    after the softmax), ``smoothed`` (a count of the token is raised by more than its share of what the divisor is
    raised by), ``rescored`` (a loss takes the place of the first one of the same tokens, made with a table that
    counted them in between; ``at`` is where) or ``pointed`` (the prediction of the token is changed before it is
    picked);
    or in one that doesn't: ``blend`` (whole predictions are averaged with a weight that doesn't know the token).
    """

    kind: MixtureKind = "gate"
    atom: int = 0
    at: Site | None = None
    reports: list[Report] = field(default_factory=list)


class Deadline(Event, eq=False):
    """A clock is compared with ``seconds`` (per setting in play; None where unknown)."""

    seconds: tuple[float | None, ...] = ()


class Restore(Event, eq=False):
    """Parameters are set from saved ones."""

    params: str = ""
    clean: bool = True


class Save(Event, eq=False):
    """Something is written to a file."""

    what: str = ""


class Opaque(Struct, eq=False):
    """Something that can't be followed: ``what`` it is, and in words what ``escapes`` into it, under ``bits``."""

    site: Site
    what: str
    escapes: tuple[str, ...] = ()
    bits: int = 0


class Unfollowed(Struct, frozen=True):
    """What could not be followed, and where; ``decisive`` when a verdict may hang on it. ``escapes``: what goes in."""

    site: Site
    what: str
    decisive: bool
    escapes: tuple[str, ...] = ()


class Switch(Struct, frozen=True):
    """A setting that the script reads: its name, the default as written, where, and its value per setting."""

    name: str
    default: str
    site: Site
    values: tuple[str | None, ...]
    launched: bool = False  # what a launcher sets: no default of the script's counts

    @property
    def line(self) -> int:
        """Return the line that gives an option's default, else the one of the reading call that names the switch."""
        text, start, end = self.site.source.text, self.site.start, self.site.end
        option = text.find(f"--{self.name.replace('_', '-')}", start, end)
        told = text.find("default=", option, end) if option > 0 else text.find(self.name, start, end)
        return self.site.line + text.count("\n", start, max(told, option, start))


class Words(Struct, frozen=True):
    """The constant parts of a text that no setting in play makes, and the conditions on the way to it."""

    parts: tuple[str, ...]
    guards: tuple[Guard, ...]


Kind = TypeVar("Kind", bound=Event)


class Timeline(Struct, frozen=True, dict=True):
    """Everything that happens, in program order, and what could not be followed.

    ``settings[i]`` belongs to bit ``1 << (i + 1)``; bit 0 stands for "any value of any switch".
    """

    settings: tuple[Setting, ...]
    events: tuple[Event, ...]
    switches: dict[str, Switch]
    unfollowed: tuple[Unfollowed, ...]
    steps: int
    failure: tuple[Site, Exception] | None = None  # where the engine or a tracker failed: what follows is missing
    words: tuple[Words, ...] = ()
    finished: int = -1  # the settings under which the program comes to its last line
    unheard: Mapping[Place, Unheard] = field(default_factory=dict)
    closely: bool = False  # followed a second time, with more kept apart
    heard: frozenset[Place] = frozenset()  # ways that a log of the claimed runs took, by the lines that only they print

    def of(self, kind: type[Kind]) -> Sequence[Kind]:
        """Return the events of a kind, in program order: told apart once for all who ask."""
        kept: dict[type[Event], Any] = self.__dict__.setdefault("kinds", {})
        if kind not in kept:
            kept[kind] = tuple(event for event in self.events if isinstance(event, kind))
        return kept[kind]  # type: ignore[no-any-return]

    @property
    def in_play(self) -> int:
        """Return the mask of the settings in play (all but "any value")."""
        return ((1 << (len(self.settings) + 1)) - 1) & ~1

    def label(self, bit: int) -> str:
        """Return a setting's label."""
        return self.settings[bit.bit_length() - 2].label
