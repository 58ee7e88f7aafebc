"""What runs inside the sandbox beside the script: ``python -m auditor.probe.harness RESULTS ORDERS SCRIPT [ARGS…]``.

The stand-ins are those of :mod:`auditor.smoke.harness`. The script runs to its own end; what it computes about
validation tokens is written down, and where the orders say so, a little is added to it, to see whether the printed
score rests on it. The script could forge all of it, or look for it: what is told is a stranger's word.
"""
