"""What is learnt and how: loss, batches, augmentation, checkpoints."""

from .augmentation import dual_attention_augmentation, prior_attention_augmentation
from .batches import ClassBalancedBatches, OrderedBatches, ShuffledBatches
from .checkpoints import BestAndLast, check_earlier_run
from .class_counts import balanced_counts, check_training_classes
from .handlers import LossTermRecorder, ReseedEachEpoch, prepare_plain_batch
from .history import EpochHistory
from .losses import LossTerms, MultiTaskLoss
from .optimising import ClipGradients, parameter_groups
from .parallel import AverageStatistics, average_gradients
from .preparation import prepare_scans
from .record import describe_environment, record_run
from .selection import GatheredEpochMetric, log_likelihood, macro_auc

__all__ = [
    "AverageStatistics",
    "BestAndLast",
    "ClassBalancedBatches",
    "ClipGradients",
    "EpochHistory",
    "GatheredEpochMetric",
    "LossTermRecorder",
    "LossTerms",
    "MultiTaskLoss",
    "OrderedBatches",
    "ReseedEachEpoch",
    "ShuffledBatches",
    "average_gradients",
    "balanced_counts",
    "check_earlier_run",
    "check_training_classes",
    "describe_environment",
    "dual_attention_augmentation",
    "log_likelihood",
    "macro_auc",
    "parameter_groups",
    "prepare_plain_batch",
    "prepare_scans",
    "prior_attention_augmentation",
    "record_run",
]
