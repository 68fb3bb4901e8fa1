"""A CLIP of a few channels with random weights, saved as transformers saves it."""

from pathlib import Path


def save_clip(folder: Path) -> Path:
    """Save model, image processor and a tokenizer that knows the letters a and b."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    shape = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = ["a", "b", "a</w>", "b</w>", "<|startoftext|>", "<|endoftext|>"]
    marks = {"bos_token_id": 4, "eos_token_id": 5, "pad_token_id": 5}
    text = shape | marks | {"vocab_size": len(words), "max_position_embeddings": 77}
    vision = shape | {"image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=6)).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[]).save_pretrained(folder)
    return folder
