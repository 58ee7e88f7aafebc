"""From a finding to a change of the files: what a rule offers, how it is made, and whether it does what it says."""
