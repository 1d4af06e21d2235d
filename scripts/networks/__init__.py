"""The nine networks of both papers, the parts they are made of, and encoders that others trained."""

from .dual_attention import BasicBlock, DepthAttention, VideoResNet
from .encoders import (
    ENCODERS,
    OWN_FILE,
    Encoder,
    encoder_hash,
    encoder_named,
    load_encoder,
)
from .ensemble import Ensemble, FlipInferer, mean_log_probability
from .frozen_encoder import EncoderProbe, FeatureStore, FrozenEncoder, fold_normalisations, remember_features
from .inflated_resnet import InflatedResNet, convert_inflated_resnet
from .observation import attention_maps, depth_gates, scan_features
from .presets import (
    ca_resnet18,
    da_ca_resnet18,
    da_resnet18,
    encoder_probe,
    pa_66_m,
    resnet18,
    sa_66,
    sa_66_m,
    wa_66,
    wa_66_m,
)
from .prior_attention import MultiTaskLogits, MultiTaskNetwork, SingleTaskNetwork
from .residual_units import BranchPair, PriorAttentionUnit, ResidualUnit, SelfAttentionUnit
from .spatial_attention import (
    LearnableSpatialAttention,
    RescaledSpatialAttention,
    SpatialAttention,
    spatial_softmax,
)
from .weights import (
    check_fit,
    convert_r3d_18,
    load_kinetics_weights,
    load_weights,
    place_network,
    read_state_dict,
    weights_hash,
)

__all__ = [
    "ENCODERS",
    "OWN_FILE",
    "BasicBlock",
    "BranchPair",
    "DepthAttention",
    "Encoder",
    "EncoderProbe",
    "Ensemble",
    "FeatureStore",
    "FlipInferer",
    "FrozenEncoder",
    "InflatedResNet",
    "LearnableSpatialAttention",
    "MultiTaskLogits",
    "MultiTaskNetwork",
    "PriorAttentionUnit",
    "RescaledSpatialAttention",
    "ResidualUnit",
    "SelfAttentionUnit",
    "SingleTaskNetwork",
    "SpatialAttention",
    "VideoResNet",
    "attention_maps",
    "ca_resnet18",
    "check_fit",
    "convert_inflated_resnet",
    "convert_r3d_18",
    "da_ca_resnet18",
    "da_resnet18",
    "depth_gates",
    "encoder_hash",
    "encoder_named",
    "encoder_probe",
    "fold_normalisations",
    "load_encoder",
    "load_kinetics_weights",
    "load_weights",
    "mean_log_probability",
    "pa_66_m",
    "place_network",
    "read_state_dict",
    "remember_features",
    "resnet18",
    "sa_66",
    "sa_66_m",
    "scan_features",
    "spatial_softmax",
    "wa_66",
    "wa_66_m",
    "weights_hash",
]
