"""Simulated studies: a stated process, calibrated to published figures, as messy exports."""
