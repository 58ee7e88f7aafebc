"""Smoke: whether a submission's script imports, builds its model and runs one forward pass, on a CPU.

The script itself runs in :mod:`auditor.sandbox`, under :mod:`auditor.smoke.harness`, which stands in for what only
a GPU has and for data that is not there. Nothing here is imported before it is needed: the harness starts from this
package and may use no more than the standard library, torch and numpy.
"""
