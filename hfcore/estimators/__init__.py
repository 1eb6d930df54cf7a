"""Estimators on arrays: they know nothing of studies or households.

The main ones are found here by their names (``hf.estimators.aalen_johansen``), whatever module
they stand in.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
