"""What runs inside the sandbox, in one process with the submission's script: ``python -m auditor.smoke.harness``.

It replaces what a CPU machine lacks (GPU calls, fused kernels, data, tokenizer, network) by stand-ins, names each
that was used, and stops the script at its first forward pass. The script could forge all that is written here:
:mod:`auditor.smoke.results` takes it for a stranger's word.
"""
