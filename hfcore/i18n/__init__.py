"""Labels, numbers, dates and amounts as a reader of Swedish or English expects them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
