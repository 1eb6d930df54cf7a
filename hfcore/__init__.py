"""Did a social intervention work: cleaning and metrics for case-system exports.

>>> import hfcore as hf
>>> hf.schema.GROUPS
('participant', 'control')

``hf.load`` gives one municipality's tables, ``hf.build_cohort`` one row a household, ``hf.metrics``
what is computed of them, ``hf.figures`` and ``hf.show_table`` what there is to see. What is in it
is listed in ``__init__.pyi`` and imported when first used, so that the command line stays quick.
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
