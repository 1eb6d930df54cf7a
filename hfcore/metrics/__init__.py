"""What is measured: frame in, result frame out; none knows of files, notebooks or pages.

Every metric for analysts is found here by its name (``hf.metrics.cumulative_incidence``), whatever
module it stands in.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
