#!/bin/sh
# SentencePiece: decoding token by token to count bytes counts three for each byte of a character without a piece.
#
# Guess: the UTF-8 lengths of `decode([id])` add up to that of the text.
# What happens: a byte piece alone is no valid UTF-8 and decodes to U+FFFD, whose UTF-8 has three bytes; the two bytes of
# an e with an acute accent count six. The denominator of bits per byte grows, and the score falls.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check sentencepiece==0.2.1
cd "$dir"
"$dir/venv/bin/python" -W ignore - <<'EOF'
import io
import sentencepiece

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(["the quick brown fox jumps over the lazy dog"] * 50), model_writer=model, vocab_size=290,
    model_type="bpe", byte_fallback=True, hard_vocab_limit=False, add_dummy_prefix=False, minloglevel=2)
processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
text = "\u00e9"
ids = processor.encode(text)
each = [processor.decode([i]) for i in ids]
print(f"sentencepiece {sentencepiece.__version__}: {text!r} is {[processor.id_to_piece(i) for i in ids]}")
print(f"  together {len(processor.decode(ids).encode())} bytes; one by one {[len(one.encode()) for one in each]}")
assert processor.decode(ids) == text
assert each == ["\ufffd", "\ufffd"], "lone bytes decode to something else now"
EOF
