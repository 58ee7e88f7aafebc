"""What calls of native code are told to do with tokens, on small sources."""

import pytest

from auditor.native import code
from auditor.native.exported import Library, Result
from auditor.native.lower import lower

TABLE = """
#include <stdint.h>
typedef struct { uint64_t key; uint32_t hits, seen; int32_t best; } Slot;
typedef struct { Slot *slots; uint32_t width; uint64_t word; } State;

static Slot *find(State *s, uint64_t key) {
    uint64_t at = (key * 11400714819323198485ULL) & 1023;
    while (s->slots[at].seen && s->slots[at].key != key) at = (at + 1) & 1023;
    return &s->slots[at];
}
static void learn(Slot *slot, uint64_t key, int32_t token) {
    slot->key = key;
    slot->seen += 1;
    if (slot->seen == 1) slot->best = token;
    if (slot->best == token) slot->hits += 1;
}
void *state_new(uint32_t width) {
    State *s = (State *)calloc(1, sizeof(State));
    s->slots = (Slot *)calloc(1024, sizeof(Slot));
    s->width = width;
    return s;
}
int hints(void *handle, const int32_t *ids, int64_t n, const uint8_t *kind, int32_t *hint, float *sure) {
    State *s = (State *)handle;
    for (int64_t i = 2; i < n; ++i) {
        BEFORE
        uint64_t key = KEY;
        Slot *slot = find(s, key);
        hint[i] = -1;
        sure[i] = 0.0f;
        if (CONDITION) {
            hint[i] = slot->best;
            sure[i] = (float)slot->hits / (float)slot->seen;
        }
        AFTER
    }
    return 0;
}
"""
KEY = "(uint64_t)ids[i - 1] * 31u ^ (uint64_t)ids[i - 2]"
LEARN = "learn(slot, key, ids[i]);"


def source(key: str = KEY, condition: str = "slot->seen > 1", before: str = "", after: str = LEARN) -> str:
    text = TABLE.replace("CONDITION", condition).replace("BEFORE", before).replace("AFTER", after)
    return text.replace("KEY", key)


def hints(text: str) -> tuple[Result, tuple[tuple[int, str], ...]]:
    """Return what the array of hints rests on, and what could not be decided."""
    library = Library(text)
    library.call("state_new", ["number"])
    outcome = library.call("hints", ["other", "tokens", "number", "other", "other", "other"])
    return outcome.results[4], outcome.undecided


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.split("\n"), start=1) if part in line)


def test_a_key_of_earlier_tokens_is_a_plain_look_up():
    result, undecided = hints(source())
    assert result.counted
    assert (result.keys, result.gates, undecided) == ((), (), ())


def test_the_token_being_scored_in_the_key():
    text = source(key="(uint64_t)ids[i - 1] * 31u ^ (uint64_t)ids[i]")
    result, undecided = hints(text)
    assert result.keys == (line_of(text, "uint64_t key ="),)
    assert undecided == ()


def test_a_hint_that_the_class_of_its_own_token_withholds():
    text = source(condition="!kind[ids[i]] && slot->seen > 1")
    result, undecided = hints(text)
    assert result.gates == (line_of(text, "if (!kind"),)
    assert undecided == ()


@pytest.mark.parametrize(
    "condition",
    [
        "!kind[ids[i - 1]] && slot->seen > 1",  # the class of the token before
        "slot->seen > 1 && ids[i - 1] != 1",  # a document begins
        "ids[i] >= 0 && ids[i] < 1024 && slot->seen > 1",  # a range that every token lies in
    ],
)
def test_conditions_that_tell_nothing_of_the_token(condition):
    result, undecided = hints(source(condition=condition))
    assert (result.gates, result.keys, undecided) == ((), (), ())


def test_a_class_that_is_carried_in_the_state_is_of_the_token_before():
    result, undecided = hints(source(condition="s->word && slot->seen > 1", after=LEARN + " s->word = kind[ids[i]];"))
    assert (result.gates, undecided) == ((), ())


def test_a_class_that_enters_the_state_before_the_prediction():
    result, _ = hints(source(condition="s->word && slot->seen > 1", before="s->word = kind[ids[i]];"))
    assert result.gates


def test_results_for_the_next_token_are_not_taken_for_leaks():
    """Learned before it is looked up: either the results are for the next position or they leak; that isn't told."""
    text = source(key="(uint64_t)ids[i - 1] * 31u ^ (uint64_t)ids[i]", before="learn(find(s, 7), 7, ids[i]);", after="")
    result, undecided = hints(text)
    assert result.keys == ()
    assert [what for _, what in undecided] == ["which token the results are for could not be told"]


def test_positions_that_the_caller_gives():
    text = source().replace("for (int64_t i = 2; i < n; ++i) {", "for (int64_t j = 0; j < n; ++j) { int64_t i = at[j];")
    text = text.replace("const uint8_t *kind,", "const int64_t *at, const uint8_t *kind,")
    for key, found in ((KEY, False), ("(uint64_t)ids[i - 1] * 31u ^ (uint64_t)ids[i]", True)):
        library = Library(text.replace(KEY, key).replace("hint[i]", "hint[j]").replace("sure[i]", "sure[j]"))
        library.call("state_new", ["number"])
        outcome = library.call("hints", ["other", "tokens", "number", "other", "other", "other", "other"])
        assert bool(outcome.results[5].keys) is found


def test_a_hash_over_a_stretch_that_ends_before_the_token():
    helper = """
    static uint64_t mixed(const int32_t *part, int k) {
        uint64_t h = 7;
        for (int j = 0; j < k; j++) { h ^= (uint64_t)part[j]; h *= 1099511628211ULL; }
        return h;
    }
    void *state_new"""
    for call, found in (
        ("mixed(&ids[i - 4], 4)", False),
        ("mixed(ids + i - 4, 4)", False),
        ("mixed(&ids[i - 4], 5)", True),
    ):
        result, undecided = hints(source(key=call).replace("void *state_new", helper.strip(), 1))
        assert (bool(result.keys), undecided) == (found, ())


CLASS = """
#include <vector>
class Mixer {
    std::vector<double> counts_;
    double push_, base_;
    const int64_t* ids_ = nullptr;
    const uint8_t* kind_ = nullptr;
    void word(bool starts, uint64_t key, int& token, double& beta) {
        if (starts) { token = -1; beta = 0.0; return; }
        token = int(counts_[key & 255]); beta = push_;
    }
public:
    Mixer(double push, double base) : push_(push), base_(base) { counts_.resize(256); }
    void give(const int64_t* ids, const uint8_t* kind) { ids_ = ids; kind_ = kind; }
    void hints(const int64_t* at, int n, int32_t* hint, double* beta) {
        for (int i = 0; i < n; i++) {
            int64_t p = at[i];
            uint64_t key = uint64_t(ids_[p - 1]) * 31 ^ uint64_t(ids_[p - 2]);
            int token; double weight;
            word(kind_[ids_[WHICH]], key, token, weight);
            hint[i] = token;
            beta[i] = weight;
            counts_[key & 255] = double(ids_[p]);
        }
    }
};
extern "C" {
void* mixer_new(double push, double base) { return new Mixer(push, base); }
void mixer_give(void* m, const int64_t* ids, const uint8_t* kind) { ((Mixer*)m)->give(ids, kind); }
void mixer_hints(void* m, const int64_t* at, int n, int32_t* hint, double* beta) {
    static_cast<Mixer*>(m)->hints(at, n, hint, beta);
}
}
"""


@pytest.mark.parametrize(("which", "gated"), [("p", True), ("p - 1", False)])
def test_a_class_that_is_given_its_tokens_by_another_call(which, gated):
    library = Library(CLASS.replace("WHICH", which))
    first = library.call("mixer_new", ["number", "number"]).first
    library.call("mixer_give", ["other", "tokens", "other"])
    outcome = library.call("mixer_hints", ["other", "other", "number", "other", "other"])
    assert outcome.undecided == ()
    assert bool(outcome.results[4].gates) is gated
    # The weight is that of the constructor's first argument alone.
    assert outcome.results[4].weights == (frozenset({first}) if gated else frozenset())


BLEND = """
#include <math.h>
double total(const int32_t *ids, const double *nll, int n, const uint8_t *flat, const int32_t *at, const int32_t *len) {
    static double seen[256];
    double sum = 0.0, all = 0.0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < len[ids[i]]; j++) {
            int b = flat[at[ids[i]] + j];
            double p = (seen[b] + 1.0) / (all + 256.0);
            sum -= BLEND;
            seen[b] += 1.0;
            all += 1.0;
        }
    return sum;
}
"""
ROLES = ["tokens", "loss", "number", "other", "other", "other"]


@pytest.mark.parametrize(
    "blend",
    [
        "log(0.5 * exp(-nll[i] / len[ids[i]]) + 0.5 * p)",
        "fmax(-nll[i] / len[ids[i]], log(p))",
        "(p > 0.5 ? log(p) : -nll[i] / len[ids[i]])",
    ],
)
def test_a_loss_that_meets_a_prediction_of_bytes(blend):
    text = BLEND.replace("BLEND", blend)
    outcome = Library(text).call("total", ROLES)
    assert outcome.results[-1].bytes[0] == line_of(text, "sum -=")


def test_bytes_that_are_only_counted_are_no_mixture():
    outcome = Library(BLEND.replace("BLEND", "0.0").replace("return sum;", "return nll[0] / all;")).call("total", ROLES)
    assert outcome.results[-1].bytes == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "int f(",
        "int hints(const int32_t *ids, int n, int32_t *out) { for (;;) hints(ids, n, out); }",
        "int hints(const int32_t *ids, int n, int32_t *out) { out[0] = secret(ids); return 0; }",
        "int hints(const int32_t *ids, int n, int32_t *out) { @@@ out[0] = ids[0]; }",
        "int hints(const int32_t *ids, int n, int32_t *out) { out[0] = " + "(" * 5000 + "1" + ")" * 5000 + "; }",
        "int hints(const int32_t *ids, int n, int32_t *out) { " + "{" * 5000 + "}" * 5000 + " goto x; }",
    ],
)
def test_what_is_not_understood_is_undecided(text):
    assert Library(text).call("hints", ["tokens", "number", "other"]).undecided


@pytest.mark.parametrize(
    "condition",
    [
        "slot->seen < 99 && lo < hi && best > (1)",
        "lo < hi && best > (1)",
        "lo<hi&&best>(1)",
        "lo < hi || best > *ids",
        "lo < 4 * hi && best > (1) && lo < hi && best > (2)",
        "lo < hi & best > (1)",
        "lo < hi > (0)",
        "lo < sizeof(Slot) && best > (1)",
    ],
)
def test_comparisons_are_no_calls_of_templates(condition):
    """The grammar takes ``lo < hi && best > (x)`` for a call of ``lo<…>``, and says nothing of it."""
    text = f"void g(int lo, int hi, int best, const int *ids) {{\n  if ({condition})\n    best = 1;\n}}\n"
    unit = lower(text)
    assert unit.broken == ()
    (test,) = [s.test for s in unit.functions["", "g"].body if isinstance(s, code.If)]
    assert isinstance(test, code.Binary)
    assert "Call(" not in repr(test)


@pytest.mark.parametrize("call", ["pick<3 + 1>(lo)", "pick<int>(lo)", "pick<(2 > 1)>(lo)", "std::max<int>(lo, 2)"])
def test_calls_of_templates_stay_calls(call):
    text = f"template <int N> int pick(int x) {{ return x; }}\nint g(int lo) {{ return {call}; }}\n"
    (made,) = lower(text).functions["", "g"].body
    assert isinstance(made, code.Return) and isinstance(made.value, code.Call)
    assert made.value.name == call.partition("<")[0].removeprefix("std::")


def test_a_gate_behind_comparisons_that_look_like_a_template():
    text = source(condition="slot->hits < slot->seen && lo < hi && top > (0) && !kind[ids[i]]")
    text = text.replace("BEFORE", "").replace("uint64_t key =", "int lo = 0, hi = 9, top = 4; uint64_t key =")
    result, undecided = hints(text)
    assert result.gates == (line_of(text, "if (slot->hits <"),)
    assert undecided == ()


def test_a_launch_of_a_kernel_is_told_with_its_place():
    text = (
        "__global__ void fill(const int *ids, float *out, int n) { out[threadIdx.x] = ids[threadIdx.x]; }\n"
        "void hints(const int *ids, float *out, int n) {\n"
        "  dim3 grid(n / 256);\n"
        "  fill<<<grid,\n         dim3(256, 1), 0>>>(ids, out, n);\n"
        "}\n"
    )
    assert lower(text).broken == ()
    outcome = Library(text).call("hints", ["tokens", "other", "number"])
    assert outcome.undecided == ((4, "a launch of the kernel fill"),)
