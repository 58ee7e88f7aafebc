"""Results as data frames: a sweep's, a queue's, a campaign's; grouped, written as tables, drawn.

Everything here needs pandas (the extra ``table``), and nothing else of the auditor imports it before it is asked for.
"""
