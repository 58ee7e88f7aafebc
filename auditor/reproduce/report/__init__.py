"""Telling what runs showed: ``text`` on a terminal, ``document`` for programs, ``markdown``, ``page`` with plots."""
