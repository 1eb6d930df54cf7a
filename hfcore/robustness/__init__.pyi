from .interval_methods import difference_methods, share_methods
from .method_validation import (
    ENDINGS,
    TRIAL_EFFECT_USD,
    distance_from_benchmark,
    ending_incidence,
    programme_effect,
    reform_effects,
    validation_results,
)
from .plan_tests import difference_tests, mcnemar_tests
from .sensitivity import support_effect_sensitivity
from .validation_data import training_programme, transplants

__all__ = [
    "ENDINGS",
    "TRIAL_EFFECT_USD",
    "difference_methods",
    "difference_tests",
    "distance_from_benchmark",
    "ending_incidence",
    "mcnemar_tests",
    "programme_effect",
    "reform_effects",
    "share_methods",
    "support_effect_sensitivity",
    "training_programme",
    "transplants",
    "validation_results",
]
