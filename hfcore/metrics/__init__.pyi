from .adjusted_exits import fair_exit_difference
from .after_closure import closures_against_payments
from .closures import (
    closure_reason,
    closure_share_entered,
    closure_share_naive,
    closure_time_naive,
    closures_per_quarter,
    support_time_at_closure,
)
from .comparison_group import balance, build_comparison, comparison_flow, effect_sample
from .costs import (
    all_costs,
    cost,
    cost_difference,
    cost_per_exit,
    cost_per_extra_exit,
    cost_per_household,
)
from .data_quality import missing_values, payment_months, rows_by_table, rows_read, rules_met
from .fidelity import fidelity_rating, meeting_on_schedule, theory_status
from .followup import (
    contact_mix,
    contact_rate,
    contact_reach,
    followup_on_time,
    followup_results,
    longest_gap,
)
from .group_tests import gray_tests, group_differences, hazard_ratios
from .index_months import assign_index_months, risk_sets
from .maryland_scale import design_grade, design_rules
from .needs_inventory import co_needs, needs_by_measure, placed, unmet_need, unmet_results
from .participant_flow import flow, household_counts, participation_mean, support_duration
from .planning import (
    detectable_plans,
    plan_changed,
    plan_closer_to_work,
    plan_flow,
    plan_transitions,
)
from .plans_over_time import plan_changes_over_time
from .pooled_curves import pooled_incidence, steadied_shares
from .pooled_support import pooled_support_effect
from .price_index import known_in_fixed_prices
from .queue import queue_incidence, queue_length, queue_wait
from .savings import (
    break_even,
    break_even_chance,
    closure_bases,
    expected_saving,
    national_saving,
    saving_by_effect,
    saving_gross,
)
from .staff import (
    caseload,
    client_hours_per_case,
    closures_per_post,
    worktime_difference,
    worktime_permutation,
    worktime_share,
)
from .subgroups import detectable_shares, incidence_by_group
from .support import (
    detectable_difference,
    pretrend,
    support_difference_naive,
    support_drift_bound,
    support_effect,
    support_mean,
    support_total,
)
from .support_spells import exit_difference, exit_from_support, gap_headlines, reactivation
from .survey import fade, response_difference, survey_answer, survey_response, survey_results
from .target_group import (
    care_centres,
    eligible,
    frame,
    long_term,
    obstacle_share,
    reach,
    rounds,
    target_group_results,
)
from .time_to_closure import (
    cumulative_incidence,
    definition_variants,
    incidence_difference,
    restricted_time,
)

__all__ = [
    "all_costs",
    "assign_index_months",
    "balance",
    "break_even",
    "break_even_chance",
    "build_comparison",
    "care_centres",
    "caseload",
    "client_hours_per_case",
    "closure_bases",
    "closure_reason",
    "closure_share_entered",
    "closure_share_naive",
    "closure_time_naive",
    "closures_against_payments",
    "closures_per_post",
    "closures_per_quarter",
    "co_needs",
    "comparison_flow",
    "contact_mix",
    "contact_rate",
    "contact_reach",
    "cost",
    "cost_difference",
    "cost_per_exit",
    "cost_per_extra_exit",
    "cost_per_household",
    "cumulative_incidence",
    "definition_variants",
    "design_grade",
    "design_rules",
    "detectable_difference",
    "detectable_plans",
    "detectable_shares",
    "effect_sample",
    "eligible",
    "exit_difference",
    "exit_from_support",
    "expected_saving",
    "fade",
    "fair_exit_difference",
    "fidelity_rating",
    "flow",
    "followup_on_time",
    "followup_results",
    "frame",
    "gap_headlines",
    "gray_tests",
    "group_differences",
    "hazard_ratios",
    "household_counts",
    "incidence_by_group",
    "incidence_difference",
    "known_in_fixed_prices",
    "long_term",
    "longest_gap",
    "meeting_on_schedule",
    "missing_values",
    "national_saving",
    "needs_by_measure",
    "obstacle_share",
    "participation_mean",
    "payment_months",
    "placed",
    "plan_changed",
    "plan_changes_over_time",
    "plan_closer_to_work",
    "plan_flow",
    "plan_transitions",
    "pooled_incidence",
    "pooled_support_effect",
    "pretrend",
    "queue_incidence",
    "queue_length",
    "queue_wait",
    "reach",
    "reactivation",
    "response_difference",
    "restricted_time",
    "risk_sets",
    "rounds",
    "rows_by_table",
    "rows_read",
    "rules_met",
    "saving_by_effect",
    "saving_gross",
    "steadied_shares",
    "support_difference_naive",
    "support_drift_bound",
    "support_duration",
    "support_effect",
    "support_mean",
    "support_time_at_closure",
    "support_total",
    "survey_answer",
    "survey_response",
    "survey_results",
    "target_group_results",
    "theory_status",
    "unmet_need",
    "unmet_results",
    "worktime_difference",
    "worktime_permutation",
    "worktime_share",
]
