"""What is learnt and how: loss, batches, augmentation, checkpoints."""

from .augmentation import dual_attention_augmentation, prior_attention_augmentation
from .batches import ClassBalancedBatches, ShuffledBatches, class_shares
from .checkpoints import BestAndLast, LoadWeights
from .handlers import LossTermRecorder, ReseedEachEpoch, prepare_plain_batch
from .history import EpochHistory
from .losses import LossTerms, MultiTaskLoss
from .preparation import prepare_scans
from .record import describe_environment, record_run

__all__ = [
    "BestAndLast",
    "ClassBalancedBatches",
    "EpochHistory",
    "LoadWeights",
    "LossTermRecorder",
    "LossTerms",
    "MultiTaskLoss",
    "ReseedEachEpoch",
    "ShuffledBatches",
    "class_shares",
    "describe_environment",
    "dual_attention_augmentation",
    "prepare_plain_batch",
    "prepare_scans",
    "prior_attention_augmentation",
    "record_run",
]
