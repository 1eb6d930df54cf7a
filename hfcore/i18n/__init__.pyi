from .formats import day, joined, label, money, months, number, percent, quantity, row_label, span
from .texts import text

__all__ = [
    "day",
    "joined",
    "label",
    "money",
    "months",
    "number",
    "percent",
    "quantity",
    "row_label",
    "span",
    "text",
]
