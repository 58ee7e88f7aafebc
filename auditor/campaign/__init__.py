"""Many submissions, some seeds of each, on many nodes, and one page about all of them.

``read`` and ``select`` say which submissions, ``plan`` what runs and what it costs, ``verify`` carries it out,
``standing`` says where each stands after it. Single runs are :mod:`auditor.reproduce`'s, where they run is
:mod:`auditor.executors`'.
"""
