"""Run it, and say what the run shows: the reference model, or a submission's own script in the sandbox.

``subject`` finds out what is to be run and what it is held against, ``plan`` says what that takes, ``launch`` does it,
``record`` keeps it, ``measure`` reads it back from the logs, ``judge`` decides, ``report`` tells.
"""
