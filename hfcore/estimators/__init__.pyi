from .cluster_ratios import cluster_ratio
from .competing_risks import (
    EventCounts,
    aalen_johansen,
    at_risk_at,
    at_times,
    count_events,
    is_known_at,
    kaplan_meier,
    months_lost,
    pseudo_values,
    restricted_mean,
)
from .exact_tests import boschloo, fisher, fisher_mid_p, mcnemar, mcnemar_mid_p
from .intervals import detectable_difference, effective_n, icc, log_log, mean_t, wilson
from .matching import match_nearest, paired_difference, propensity_score, sign_flip_interval
from .meta_analysis import PooledEffect, PooledShares, pool_effects, pool_shares
from .multistate import Occupation, occupation
from .outcome_regression import TreatedEffect, clustered_means, effect_on_treated
from .proportions import (
    agresti_caffo,
    clopper_pearson,
    mid_p,
    miettinen_nurminen,
    newcombe,
    newcombe_clustered,
    newcombe_paired,
    wald,
)
from .regression import Contrast, adjusted_difference, robust_coefficient, welch
from .subdistribution import fine_gray, gray_test
from .unmeasured_confounding import e_value
from .weighting import (
    BalancingWeights,
    effective_sample_size,
    entropy_balanced_difference,
    entropy_weights,
)

__all__ = [
    "BalancingWeights",
    "Contrast",
    "EventCounts",
    "Occupation",
    "PooledEffect",
    "PooledShares",
    "TreatedEffect",
    "aalen_johansen",
    "adjusted_difference",
    "agresti_caffo",
    "at_risk_at",
    "at_times",
    "boschloo",
    "clopper_pearson",
    "cluster_ratio",
    "clustered_means",
    "count_events",
    "detectable_difference",
    "e_value",
    "effect_on_treated",
    "effective_n",
    "effective_sample_size",
    "entropy_balanced_difference",
    "entropy_weights",
    "fine_gray",
    "fisher",
    "fisher_mid_p",
    "gray_test",
    "icc",
    "is_known_at",
    "kaplan_meier",
    "log_log",
    "match_nearest",
    "mcnemar",
    "mcnemar_mid_p",
    "mean_t",
    "mid_p",
    "miettinen_nurminen",
    "months_lost",
    "newcombe",
    "newcombe_clustered",
    "newcombe_paired",
    "occupation",
    "paired_difference",
    "pool_effects",
    "pool_shares",
    "propensity_score",
    "pseudo_values",
    "restricted_mean",
    "robust_coefficient",
    "sign_flip_interval",
    "wald",
    "welch",
    "wilson",
]
