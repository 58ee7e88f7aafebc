#!/bin/sh
# tree-sitter-bash 0.25.1 with tree-sitter 0.26.1.
# Wrong guess: a word after a redirection's file belongs to the command, and `$ word` is an error.
# Behaviour: both parse without an error node; the words become further destinations of the redirection, and the
# prompt becomes the expansion of a variable that is called after the program.
# Output seen: "--seed 7" among the children of file_redirect; simple_expansion with the variable_name "torchrun".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tree-sitter==0.26.1 tree-sitter-bash==0.25.1
"$folder/venv/bin/python" - <<'EOF'
import tree_sitter
import tree_sitter_bash

parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))
root = parser.parse(b"python train.py > log.txt --seed 7\n").root_node
redirect = root.children[0].children[-1]
print(redirect.type, [child.text.decode() for child in redirect.named_children])
assert not root.has_error
assert [child.text for child in redirect.named_children] == [b"log.txt", b"--seed", b"7"]

root = parser.parse(b"$ torchrun train.py\n").root_node
name = root.children[0].children[0].children[0]
print(name.type, name.named_children[0].text.decode())
assert not root.has_error
assert (name.type, name.named_children[0].text) == ("simple_expansion", b"torchrun")
EOF
