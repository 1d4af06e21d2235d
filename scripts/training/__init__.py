"""What is learnt and how: loss, batches, augmentation, checkpoints."""

from .augmentation import RandInPlaneAffined, dual_attention_augmentation, prior_attention_augmentation
from .batches import ClassBalancedBatches, OrderedBatches, ShuffledBatches
from .checkpoints import BestAndLast
from .class_counts import balanced_counts, check_training_classes
from .ending import TRY_AGAIN, ErrorsInOneLine, Interruption, outlive_signals
from .handlers import FiniteSteps, LossTermRecorder, SeedEachStep, prepare_plain_batch
from .history import EpochHistory
from .losses import LossTerms, MultiTaskLoss
from .optimising import ClipGradients, TrainingInferer, parameter_groups
from .parallel import AverageStatistics, average_gradients
from .preparation import prepare_scans
from .record import describe_environment, record_run
from .selection import GatheredEpochMetric, log_likelihood, macro_auc
from .states import RunStates

__all__ = [
    "TRY_AGAIN",
    "AverageStatistics",
    "BestAndLast",
    "ClassBalancedBatches",
    "ClipGradients",
    "EpochHistory",
    "ErrorsInOneLine",
    "FiniteSteps",
    "GatheredEpochMetric",
    "Interruption",
    "LossTermRecorder",
    "LossTerms",
    "MultiTaskLoss",
    "OrderedBatches",
    "RandInPlaneAffined",
    "RunStates",
    "SeedEachStep",
    "ShuffledBatches",
    "TrainingInferer",
    "average_gradients",
    "balanced_counts",
    "check_training_classes",
    "describe_environment",
    "dual_attention_augmentation",
    "log_likelihood",
    "macro_auc",
    "outlive_signals",
    "parameter_groups",
    "prepare_plain_batch",
    "prepare_scans",
    "prior_attention_augmentation",
    "record_run",
]
