"""Renderers: a :class:`auditor.report.Report` as JSON, terminal text or Markdown.

Everything that a report quotes was written by the audited party, so every renderer passes it through
:mod:`reports.escape` first.
"""
