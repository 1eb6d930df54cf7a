from .answer_plots import plot_answers
from .cost_plots import plot_costs, plot_payback, plot_worktime
from .flow_plots import plot_plan_transitions
from .forest_plots import plot_forest
from .incidence_plots import plot_cumulative_incidence, plot_still_in
from .part_plots import plot_parts, plot_queue
from .plot_style import figure_png
from .point_plots import (
    plot_balance,
    plot_closure_reasons,
    plot_closures_per_quarter,
    plot_naive_beside,
    plot_plan_changed,
    plot_specifications,
)
from .practice_plots import plot_principles, plot_theory
from .share_plots import plot_shares
from .support_plots import plot_support_effect, plot_support_mean
from .transition_table import show_transitions

__all__ = [
    "figure_png",
    "plot_answers",
    "plot_balance",
    "plot_closure_reasons",
    "plot_closures_per_quarter",
    "plot_costs",
    "plot_cumulative_incidence",
    "plot_forest",
    "plot_naive_beside",
    "plot_parts",
    "plot_payback",
    "plot_plan_changed",
    "plot_plan_transitions",
    "plot_principles",
    "plot_queue",
    "plot_shares",
    "plot_specifications",
    "plot_still_in",
    "plot_support_effect",
    "plot_support_mean",
    "plot_theory",
    "plot_worktime",
    "show_transitions",
]
