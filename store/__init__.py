"""Remembers: the journal of events, its projections, and the ledger.

Knows neither models nor terminals.
"""
