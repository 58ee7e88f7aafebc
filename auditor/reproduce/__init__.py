"""Run it, and say what the run shows: the reference model, or a submission's own script in the sandbox.

``reference`` and ``submitted`` find out what is to be run and what it is held against, ``launch`` does it, ``record``
keeps it, ``measure`` reads it back from the logs, ``judge`` decides, ``report`` tells; ``reproduce`` ties them.
"""
