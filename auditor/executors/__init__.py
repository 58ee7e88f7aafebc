"""Where units of work run: in this process, on this machine's cores, on the nodes of a Ray cluster.

``model`` is the seam (units go in, outcomes come out as they are done, one for each unit), ``here``, ``local`` and
``cluster`` are what stands behind it, ``child`` is what runs in the processes of a pool and ``host`` what runs on a
node, ``choose`` opens the one that is asked for. Nothing here knows what a unit is about.
"""
