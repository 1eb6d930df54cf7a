"""Estimators on arrays and plain frames: they know nothing of studies or households."""
