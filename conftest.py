"""What all tests share: properties are tried on the same inputs every time, however slow the machine is.

It lies beside the packages, not in ``tests``, whose folders have the packages' names.
"""

from hypothesis import settings

settings.register_profile("golf-audit", deadline=None, derandomize=True)
settings.load_profile("golf-audit")
