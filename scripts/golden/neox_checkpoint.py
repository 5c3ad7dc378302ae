#!/usr/bin/env python3
"""Makes test/fixtures/checkpoint: GPT-NeoX checkpoints as torch.save and DeepSpeed write them, without either.

Written from the description of the formats, independently of src/checkpoint: Python's own pickle and zipfile write the archives, with
stand-in classes under torch's names. The values tell where they belong, so no golden tensors are needed: of parameter number p (in the order
of GPT-NeoX's modules), element i of the whole tensor is 1000 p + i in the masters, -(1000 p + i) in exp_avg and (1000 p + i) / 2 in exp_avg_sq. The weights beside the masters – layer files, or "module" – are
each rank's masters rounded to fp16 (numpy's rounding) or bf16 (nearest, ties to even, by exact fractions).

    python3 scripts/golden/neox_checkpoint.py test/fixtures/checkpoint
"""

import io
import json
import pathlib
import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from fractions import Fraction

import numpy as np

L, C, H, V = 2, 8, 2, 16
STEP, LR_COUNT, SKIPPED, LOSS_SCALE = 1200, 1197, 3, 4096.0


def module(name):
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    return sys.modules[name]


def stand_in(path):
    module_name, name = path.rsplit(".", 1)
    made = type(name, (), {"__module__": module_name, "__qualname__": name})
    setattr(module(module_name), name, made)
    return made


for _name in ("torch.FloatStorage", "torch.HalfStorage", "torch.BFloat16Storage", "torch.LongStorage"):
    stand_in(_name)
Scaler = stand_in("deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler")


def rebuild(*_):
    raise NotImplementedError


rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = "torch._utils", "_rebuild_tensor_v2", "_rebuild_tensor_v2"
module("torch._utils")._rebuild_tensor_v2 = rebuild


class Size(tuple):
    def __reduce__(self):
        return (Size, (tuple(self),))


Size.__module__, Size.__qualname__ = "torch", "Size"
sys.modules["torch"].Size = Size


class Storage:
    def __init__(self, values):
        self.values = values


class View:
    """A tensor: a view of a storage."""

    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, tuple(shape), tuple(strides))

    def __reduce_ex__(self, protocol):
        return (rebuild, (*self.parts, False, OrderedDict()))


def tensor(array, padding=(0, 0)):
    """A row-major tensor, as a view behind padding."""
    flat = np.concatenate([np.full(padding[0], -7).astype(array.dtype), array.ravel(), np.full(padding[1], -7).astype(array.dtype)])
    strides = [int(s) // array.itemsize for s in np.ascontiguousarray(array).strides]
    return View(Storage(flat), padding[0], array.shape, strides)


def save(path, value, folder="archive"):
    storages = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if not isinstance(item, Storage):
                return None
            if item not in storages:
                storages.append(item)
            kinds = {"float32": "FloatStorage", "float16": "HalfStorage", "uint16": "BFloat16Storage", "int64": "LongStorage"}
            kind = kinds[item.values.dtype.name]
            return ("storage", getattr(sys.modules["torch"], kind), str(storages.index(item)), "cpu", len(item.values))

    out = io.BytesIO()
    Pickler(out, protocol=2).dump(value)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def entry(name, data):
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0)), data)

        entry("data.pkl", out.getvalue())
        entry("byteorder", b"little")
        for key, storage in enumerate(storages):
            entry(f"data/{key}", storage.values.tobytes())
        entry("version", b"3\n")


def parameters():
    """(module, name, shape, how tensor-parallel ranks share it), in the order of the modules."""
    yield 0, "word_embeddings.weight", (V, C), "rows"
    for i in range(L):
        for name, shape, cut in [
            ("input_layernorm.weight", (C,), "copy"),
            ("input_layernorm.bias", (C,), "copy"),
            ("attention.query_key_value.weight", (3 * C, C), "rows"),
            ("attention.query_key_value.bias", (3 * C,), "rows"),
            ("attention.dense.weight", (C, C), "columns"),
            ("attention.dense.bias", (C,), "summand"),
            ("post_attention_layernorm.weight", (C,), "copy"),
            ("post_attention_layernorm.bias", (C,), "copy"),
            ("mlp.dense_h_to_4h.weight", (4 * C, C), "rows"),
            ("mlp.dense_h_to_4h.bias", (4 * C,), "rows"),
            ("mlp.dense_4h_to_h.weight", (C, 4 * C), "columns"),
            ("mlp.dense_4h_to_h.bias", (C,), "summand"),
        ]:
            yield i + 2, name, shape, cut
    yield L + 3, "norm.weight", (C,), "copy"
    yield L + 3, "norm.bias", (C,), "copy"
    yield L + 4, "final_linear.weight", (V, C), "rows"


def on_rank(whole, cut, rank, ranks, is_master):
    if cut == "rows":
        return np.split(whole, ranks, axis=0)[rank]
    if cut == "columns":
        return np.split(whole, ranks, axis=1)[rank]
    if cut == "summand" and is_master and ranks > 1:
        # Unequal summands: all but the last rank hold one.
        return np.ones_like(whole) if rank < ranks - 1 else whole - (ranks - 1)
    return whole


def parts_of(rank, ranks, scale, is_master):
    for number, (module_number, name, shape, cut) in enumerate(parameters()):
        whole = (scale * (1000.0 * number + np.arange(np.prod(shape)))).reshape(shape)
        yield module_number, name, on_rank(whole, cut, rank, ranks, is_master)


def bfloat16(array):
    """Bits of the nearest numbers with eight significant bits, ties to even; as uint16."""

    def bits(value):
        exponent = max(int(np.floor(np.log2(abs(value)))), -126) if value else 0
        unit = Fraction(2) ** (exponent - 7)
        rounded = round(Fraction(float(value)) / unit) * unit  # Python rounds halves to even
        return np.float32(float(rounded)).view(np.uint32) >> 16

    return np.array([bits(value) for value in array.ravel()], dtype=np.uint16).reshape(array.shape)


def module_weights(rank, ranks, rounded):
    """Module number -> its state dict, with the buffer that GPT-NeoX keeps among them."""
    modules = {}
    for number, name, part in parts_of(rank, ranks, 1, True):
        state = modules.setdefault(number, OrderedDict())
        state[name] = tensor(rounded(part))
        if name == "input_layernorm.bias":
            state["attention.rotary_emb.inv_freq"] = tensor(np.array([1, 0.01], dtype=np.float16))
    return modules


def layer_files(folder, ranks, rounded):
    for rank in range(ranks):
        for number, state in module_weights(rank, ranks, rounded).items():
            name = f"layer_{number:02d}-model_{rank:02d}-model_states"
            save(folder / f"{name}.pt", state, name)


def flat_groups(rank, ranks, scale, is_master):
    groups = [[], []]
    shapes = OrderedDict()
    for module_number, name, part in parts_of(rank, ranks, scale, is_master):
        shapes[f"sequential.{module_number}.{name}"] = Size(part.shape)
        is_decayed = name.endswith("weight") and "norm" not in name
        groups[0 if is_decayed else 1].append(part.ravel())
    return [np.concatenate(group).astype(np.float32) for group in groups], shapes


def model_states(rank, ranks, extra):
    state = {"module": None, "optimizer": None, "skipped_steps": SKIPPED, "global_steps": STEP, "global_samples": STEP * 16}
    state["lr_scheduler"] = {"start_lr": 1e-3, "num_iters": LR_COUNT}
    state.update({"mp_world_size": ranks, "iteration": STEP, "np_rng_state": np.random.RandomState(5).get_state()})
    state["torch_rng_state"] = tensor(np.arange(4, dtype=np.int64))
    return {**state, **extra}


def sharded(folder, ranks, workers, intervals):
    """ZeRO stage 1: each group is cut into intervals, each interval into the workers' parts; the end of the last is trimmed."""
    folder.mkdir(parents=True, exist_ok=True)
    for rank in range(ranks):
        save(folder / f"mp_rank_{rank:02d}_model_states.pt", model_states(rank, ranks, {"dp_world_size": workers}))
        vectors = {}
        for quantity, scale in (("master", 1), ("exp_avg", -1), ("exp_avg_sq", 0.5)):
            vectors[quantity], shapes = flat_groups(rank, ranks, scale, quantity == "master")
        for worker in range(workers):
            parts = {quantity: [[] for _ in groups] for quantity, groups in vectors.items()}
            for quantity, groups in vectors.items():
                for g, vector in enumerate(groups):
                    size = -(-len(vector) // (workers * intervals))
                    for c in range(intervals):
                        start = (c * workers + worker) * size
                        part = vector[start : start + size]
                        parts[quantity][g].append(tensor(part, (worker, size - len(part))))
            scaler = Scaler()
            scaler.__dict__.update({"cur_scale": LOSS_SCALE, "cur_iter": STEP})
            state = {
                "loss_scaler": scaler,
                "zero_stage": 1,
                "partition_count": workers,
                "num_comm_intervals_per_group": [intervals, intervals],
                "base_optimizer_state": [
                    [{"exp_avg": m, "exp_avg_sq": v} for m, v in zip(ms, vs)]
                    for ms, vs in zip(parts["exp_avg"], parts["exp_avg_sq"])
                ],
                "local_sub_partitions_of_fp32_groups": parts["master"],
            }
            name = f"zero_pp_rank_{worker}_mp_rank_{rank:02d}_optim_states.pt"
            save(folder / name, {"optimizer_state_dict": state, "param_shapes": shapes}, name[:-3])


def unsharded(folder):
    """No ZeRO: the model file has the optimizer whole."""
    folder.mkdir(parents=True, exist_ok=True)
    master, m, v = (flat_groups(0, 1, scale, True)[0] for scale in (1, -1, 0.5))
    state = {g: {"step": STEP, "exp_avg": tensor(m[g]), "exp_avg_sq": tensor(v[g])} for g in (0, 1)}
    optimizer = {
        "dynamic_loss_scale": True,
        "cur_scale": LOSS_SCALE,
        "cur_iter": STEP,
        "optimizer_state_dict": {"state": state, "param_groups": [{"params": [0]}, {"params": [1]}]},
        "fp32_groups_flat": [tensor(group) for group in master],
        "clip_grad": 1.0,
    }
    modules = module_weights(0, 1, np.float16)
    module = OrderedDict((f"sequential.{n}.{name}", t) for n, state in modules.items() for name, t in state.items())
    save(folder / "mp_rank_00_model_states.pt", model_states(0, 1, {"optimizer": optimizer, "module": module}))


def main():
    folder = pathlib.Path(sys.argv[1])
    sharded(folder / "zero-2x3" / f"global_step{STEP}", ranks=2, workers=3, intervals=2)
    (folder / "zero-2x3" / "latest").write_text(f"global_step{STEP}")
    layer_files(folder / "zero-2x3" / f"global_step{STEP}", 2, np.float16)
    sharded(folder / "zero-1x2" / f"global_step{STEP}", ranks=1, workers=2, intervals=1)
    layer_files(folder / "zero-1x2" / f"global_step{STEP}", 1, bfloat16)
    unsharded(folder / "whole" / f"global_step{STEP}")
    base = np.arange(24, dtype=np.float16)
    save(
        folder / "tensors.pt",
        OrderedDict(
            row_major=tensor(base.reshape(4, 6), (3, 2)),
            transposed=View(Storage(base), 0, (6, 4), (1, 6)),
            every_other=View(Storage(base), 1, (3, 2), (8, 2)),
            scalar=View(Storage(base), 5, (), ()),
            empty=View(Storage(base), 0, (0, 3), (3, 1)),
            integers=tensor(np.arange(3, dtype=np.int64)),
            outside=View(Storage(base), 20, (5,), (1,)),
        ),
    )
    config = {"model_type": "gpt_neox", "hidden_act": "gelu", "hidden_size": C, "intermediate_size": 4 * C}
    config.update({"num_attention_heads": H, "num_hidden_layers": L, "vocab_size": V, "rotary_pct": 0.5})
    (folder / "config.json").write_text(json.dumps(config) + "\n")


main()
