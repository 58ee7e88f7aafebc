"""Native code of a submission: C, C++ and CUDA texts are parsed and followed, never compiled.

Import what you need from the modules: :class:`auditor.native.exported.Library` follows calls of a text's functions.
The parser is imported when the first text is read.
"""
