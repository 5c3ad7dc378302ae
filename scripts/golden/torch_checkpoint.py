#!/usr/bin/env python3
"""Checks exported checkpoints with PyTorch and transformers, and makes golden files of what they saw and of what torch.save writes.

EXPORTS comes from `npx tsx scripts/golden/torch-exports.ts EXPORTS`: hf/NAME are model folders, neox/NAME are GPT-NeoX checkpoints. Every model folder
must load without a missing or unexpected key; every layer file must load with weights_only and, merged over its ranks, equal the model folder of its
precision. Then small files of torch.save are written beside OUT.json, with the values that a reader must find in them. Needs torch 2.11 or later,
transformers 5.17, safetensors, numpy; no network.

    python3 scripts/golden/torch_checkpoint.py EXPORTS test/fixtures/checkpoint/torch/golden.json
"""

import hashlib
import json
import os
import pathlib
import sys
from collections import OrderedDict

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy
import safetensors
import safetensors.torch
import torch
import transformers

ROWS = [[(7 * i + 3 * r * i * i + r) % 32 for i in range(16)] for r in range(2)]
POSITIONS = [0, 1, 7, 15]
COLUMNS = 12
MERGE = [
    # of a name's end -> how the ranks' parts make the whole
    ("word_embeddings.weight", "rows"),
    ("final_linear.weight", "rows"),
    ("attention.query_key_value.weight", "rows"),
    ("attention.query_key_value.bias", "rows"),
    ("mlp.dense_h_to_4h.weight", "rows"),
    ("mlp.dense_h_to_4h.bias", "rows"),
    ("attention.dense.weight", "columns"),
    ("mlp.dense_4h_to_h.weight", "columns"),
    ("attention.dense.bias", "sum"),
    ("mlp.dense_4h_to_h.bias", "sum"),
]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_model_folder(folder):
    """Loads a model folder; its weight files, the type that its configuration names, and logits in single precision."""
    config = transformers.AutoConfig.from_pretrained(str(folder))
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        str(folder), dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    info = info if isinstance(info, dict) else vars(info)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not info.get(kind), f"{folder}: {kind}: {info[kind]}"
    assert type(model).__name__ == "GPTNeoXForCausalLM", type(model)
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor(ROWS)).logits
    assert logits.dtype == torch.float32 and logits.shape == (2, 16, 32), (logits.dtype, logits.shape)
    dtype = getattr(config, "dtype", None) or getattr(config, "torch_dtype", None)
    print(f"{folder}: {type(model).__name__}, {dtype}, {sum(p.numel() for p in model.parameters())} parameters")
    return {
        "files": {path.name: sha256(path) for path in sorted(folder.glob("*.safetensors"))},
        "dtype": str(dtype).removeprefix("torch."),
        "logits": logits[:, POSITIONS, :COLUMNS].tolist(),
        "sums": logits.double().sum(-1).tolist(),
    }


def tensors_of(folder):
    merged = {}
    for path in sorted(folder.glob("*.safetensors")):
        merged.update(safetensors.torch.load_file(path))
    return merged


def hugging_face_name(module, name, layers):
    if module == 0:
        return "gpt_neox.embed_in.weight"
    if module == layers + 3:
        return name.replace("norm.", "gpt_neox.final_layer_norm.")
    return "embed_out.weight" if module == layers + 4 else f"gpt_neox.layers.{module - 2}.{name}"


def check_neox(folder, whole, layers):
    """Loads all files of a GPT-NeoX checkpoint and compares the merged weights with those of a model folder."""
    step = folder / (folder / "latest").read_text()
    states = [torch.load(path, weights_only=True) for path in sorted(step.glob("mp_rank_*_model_states.pt"))]
    for state in states:
        assert state["mp_world_size"] == len(states), state
        assert f"global_step{state['global_steps']}" == step.name, state
    compared = 0
    for module in [0, *range(2, layers + 2), layers + 3, layers + 4]:
        paths = sorted(step.glob(f"layer_{module:02d}-model_*-model_states.pt"))
        assert len(paths) == len(states), paths
        parts = [torch.load(path, weights_only=True) for path in paths]
        for name in parts[0]:
            pieces = [part[name] for part in parts]
            if name == "attention.rotary_emb.inv_freq":
                assert all(piece.dtype == whole["embed_out.weight"].dtype for piece in pieces)
                continue
            expected = whole[hugging_face_name(module, name, layers)]
            how = next((how for end, how in MERGE if name == end), "copies")
            if how == "rows":
                found = torch.cat(pieces, 0)
            elif how == "columns":
                found = torch.cat(pieces, 1)
            elif how == "sum":
                found = sum(piece.float() for piece in pieces).to(expected.dtype)
            else:
                assert all(torch.equal(piece, pieces[0]) for piece in pieces), (module, name)
                found = pieces[0]
            assert found.dtype == expected.dtype and torch.equal(found, expected), (folder, module, name)
            compared += 1
    assert compared == len(whole), (compared, len(whole))
    print(f"{folder}: {compared} tensors of {len(states)} ranks are those of the model folder")
    return {"files": {path.name: sha256(path) for path in sorted(step.glob("*.pt"))}, "tensors": compared}


def saved_states():
    """File -> what torch.save writes into it, and how."""
    torch.manual_seed(0)
    counting = torch.arange(24, dtype=torch.float32)
    shared = torch.linspace(-2, 2, 10)
    values = {
        "half": torch.tensor([1.0, -2.5, 65504.0, 2.0**-24, 0.1]).half(),
        "bfloat": torch.tensor([[1.0, -3.14159], [1e30, 1e-30]]).bfloat16(),
        "single": torch.tensor([0.1, -1e-45, 3.4e38]),
        "offset": counting.clone()[5:11],
        "transposed": counting.clone().reshape(4, 6).t(),
        "every_other": counting.clone().reshape(4, 6)[::2, 1::2],
        "head": shared[:4],
        "tail": shared[4:],
        "parameter": torch.nn.Parameter(torch.tensor([1.5, 2.5])),
        "scalar": torch.tensor(7.25),
        "none": torch.zeros(0, 3),
    }
    linear = torch.nn.Linear(3, 2).half().state_dict()
    assert linear._metadata
    return {
        "views.pt": (values, {}),
        "module.pt": (linear, {}),
        "ordered.pt": (OrderedDict([("b", torch.ones(2)), ("a", torch.zeros(1))]), {}),
        "legacy.pt": ({"w": torch.ones(3)}, {"_use_new_zipfile_serialization": False}),
        "overlapping.pt": ({"a": counting, "b": counting[:3]}, {}),
        "integers.pt": ({"ids": torch.arange(4)}, {}),
        "without-crc.pt": ({"w": torch.full((5,), 0.5)}, {"crc": False}),
    }


def write_saved(folder):
    saved = {}
    for name, (value, options) in saved_states().items():
        path = folder / name
        options = dict(options)
        torch.serialization.set_crc32_options(options.pop("crc", True))
        torch.save(value, path, **options)
        torch.serialization.set_crc32_options(True)
        tensors = {
            key: {
                "dtype": str(tensor.dtype).removeprefix("torch."),
                "shape": list(tensor.shape),
                "values": [numpy.float32(x).item() for x in tensor.detach().float().flatten().tolist()],
            }
            for key, tensor in value.items()
        }
        saved[name] = {"sha256": sha256(path), "tensors": tensors}
        print(f"{path}: {path.stat().st_size} bytes")
    return saved


def main():
    exports, out = map(pathlib.Path, sys.argv[1:])
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    golden = {
        "made_by": "python3 scripts/golden/torch_checkpoint.py EXPORTS test/fixtures/checkpoint/torch/golden.json",
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "safetensors": safetensors.__version__,
            "numpy": numpy.__version__,
        },
        "rows": ROWS,
        "positions": POSITIONS,
        "columns": COLUMNS,
        "hugging_face": {},
        "neox": {},
    }
    for folder in sorted((exports / "hf").iterdir()):
        golden["hugging_face"][folder.name] = check_model_folder(folder)
    layers = transformers.AutoConfig.from_pretrained(str(exports / "hf" / "fp32")).num_hidden_layers
    for folder in sorted((exports / "neox").iterdir()):
        whole = tensors_of(exports / "hf" / folder.name.split("-")[0])
        golden["neox"][folder.name] = check_neox(folder, whole, layers)
    golden["saved"] = write_saved(out.parent)
    out.write_text(json.dumps(golden, indent=1, allow_nan=False) + "\n")
    print(f"{out}: all of {len(golden['hugging_face'])} model folders and {len(golden['neox'])} GPT-NeoX checkpoints hold")


main()
