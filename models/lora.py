"""LoRA in Whisper's encoder: low-rank changes beside its frozen attention.

Source: Hu et al., arXiv:2106.09685; `peft`.
"""

from typing import Any

from .whisper import AudioEncoder


def add_lora(encoder: AudioEncoder, rank: int) -> None:
    """Put low-rank changes beside the frozen attention of an encoder, in place."""
    from peft import LoraConfig, inject_adapter_in_model

    encoder.requires_grad_(False)
    adapters = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=["query", "key", "value", "out"]
    )
    inject_adapter_in_model(adapters, encoder)


def merge_lora(encoder: AudioEncoder) -> None:
    """Add the low-rank changes to the weights, in place; for export."""
    from peft.tuners.lora import LoraLayer

    changed: list[tuple[str, Any]] = [
        (name, module) for name, module in encoder.named_modules() if isinstance(module, LoraLayer)
    ]
    for name, module in changed:
        module.merge()
        owner, _, attribute = name.rpartition(".")
        setattr(encoder.get_submodule(owner), attribute, module.get_base_layer())
