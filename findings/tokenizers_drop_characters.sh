#!/bin/sh
# Hugging Face tokenizers: a BPE model without `unk_token` drops characters that it doesn't know, and ByteLevel adds a
# space at the start.
#
# Guess: an unknown character raises an error or becomes some token; decode(encode(text)) is the text.
# What happens: "zebra" is ["e", "r"], with nothing said, and "hello" comes back as " hello". Both change how many bytes
# the tokens of a text stand for.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.22.1
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

def trained(level, **options):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = level
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(["hello world"] * 10, trainers.BpeTrainer(vocab_size=300, show_progress=False, **options))
    return made

print(f"tokenizers {tokenizers.__version__}")
small = trained(pre_tokenizers.ByteLevel(add_prefix_space=False))
dropped = small.encode("zebra").tokens
print(f"  'zebra' with the letters of 'hello world': {dropped}")
assert dropped == ["e", "r"], "unknown characters are no longer dropped"
whole = trained(pre_tokenizers.ByteLevel(), initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
back = whole.decode(whole.encode("hello").ids)
print(f"  'hello' comes back as {back!r}")
assert back == " hello", "ByteLevel() no longer adds a space by itself"
EOF
