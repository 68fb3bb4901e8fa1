"""A tiny vision-language model, saved as any other of transformers is, for tests that load and ask one."""

from pathlib import Path
from typing import Any

WORDS = (
    *("<pad>", "<unk>", "<s>", "</s>", "<image>", "This", "image", "shows"),
    *("a", "man", ".", "two", "people", "standing", "and", "coat"),
)
TEMPLATE = (
    "{% for m in messages %}USER {% for c in m['content'] %}{% if c['type'] == 'image' %}<image> {% else %}"
    "{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}ASSISTANT{% endif %}"
)


def save_tiny_model(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A LLaVA of one layer a part and 16 words, untrained, in `folder`."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(0)
    size: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    eyes = CLIPVisionConfig(**size, num_hidden_layers=1, image_size=16, patch_size=8, projection_dim=16)
    tongue = LlamaConfig(
        **size,
        num_hidden_layers=1,
        num_key_value_heads=2,
        vocab_size=len(WORDS),
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    config = LlavaConfig(vision_config=eyes, text_config=tongue, image_token_index=4, vision_feature_layer=-1)
    network = LlavaForConditionalGeneration(config)
    network.generation_config.suppress_tokens = [0, 1, 2, 3, 4]  # so that it says words, whatever it was asked
    network.save_pretrained(folder)
    _processor(template).save_pretrained(folder)
    return folder


def _processor(template: str | None) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlavaProcessor, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["<image>"],
    )
    return LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
