"""Decides and does: routing, degradation, dispatch. Knows no terminal."""
