"""Probe: experiments on a submission's own script, with validation tokens that it can't have seen.

The script runs whole, at toy size, in :mod:`auditor.sandbox` under the stand-ins of :mod:`auditor.smoke.harness`:
``cut`` says how it is made small, ``tokens`` draws the validation sets, ``harness`` is what runs beside the script and
writes down what it computes, ``trace`` reads that as a stranger's word, ``future``, ``answer`` and ``reported`` are the
experiments, ``probe`` plans the runs. No verdict of ``check`` depends on any of it.
"""
