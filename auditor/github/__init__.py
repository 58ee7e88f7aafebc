"""Pull requests on GitHub: read through its API, and told what was found.

``client`` talks, ``pull`` and ``objects`` read, ``body`` and ``annotations`` say it in GitHub's forms, ``post``
writes. The GitHub client comes with the extra ``golf-audit[github]`` and is imported by ``client`` alone.
"""
