"""The reference model beside a published script: equal weights in, what differs out.

``python -m reference_model parity SCRIPT --preset NAME`` runs the script's own model, quantiser, container, optimizer
and evaluations in the sandbox, float32 on a CPU, and ours beside them. What the script calls things is data
(``systems/*.toml``); none of its code is here.
"""
