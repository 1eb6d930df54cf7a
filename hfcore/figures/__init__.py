"""Result rows → figures and tables to look at, in one style and both languages.

Each ``plot_`` function takes rows and a language and returns the axes, those given or of a new
figure. Public figures are drawn from protected rows, which hold nothing else to draw.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
