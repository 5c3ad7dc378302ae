#!/usr/bin/env python3
"""Makes the golden files of test/fixtures/engine: a tiny GPT-NeoX in numpy float64, its gradients and four AdamW steps.

Written from the description of GPT-NeoX v1.0's forward pass, DeepSpeed's clipping and its fused AdamW, independently of src/ and
straightforward rather than fast. The backward pass is written by hand and must agree with central differences of the forward
pass, for every parameter tensor, before anything is stored.

    python3 scripts/golden/engine.py test/fixtures/engine
"""

import json
import math
import pathlib
import struct
import sys

import numpy as np

CONFIG = {
    "architectures": ["GPTNeoXForCausalLM"],
    "model_type": "gpt_neox",
    "hidden_act": "gelu",
    "hidden_size": 12,
    "intermediate_size": 48,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 32,
    "rotary_pct": 0.7,  # 4 of the 6 dimensions of a head are rotated
    "rotary_emb_base": 100,  # angles that fp16 cannot hold within twelve positions
    "max_position_embeddings": 64,
    "layer_norm_eps": 1e-3,  # large enough to be seen
    "use_parallel_residual": True,
    "tie_word_embeddings": False,
}
L, C, H, V = 2, 12, 2, 32
D, R = 6, 4
B, T = 3, 12
EPS = CONFIG["layer_norm_eps"]
LEARNING_RATES = [2e-3, 1.5e-3, 1e-3, 5e-4]
BETA1, BETA2, ADAM_EPS, DECAY, CLIP = 0.9, 0.95, 1e-8, 0.1, 1.0


def random_model(rng):
    """Weights large enough that attention is far from even and logits far from flat; biases and gains are random too."""
    p = {"gpt_neox.embed_in.weight": rng.normal(0, 1, (V, C)), "embed_out.weight": rng.normal(0, 0.6, (V, C))}
    norms = [f"gpt_neox.layers.{i}.{n}" for i in range(L) for n in ("input_layernorm", "post_attention_layernorm")]
    for n in norms + ["gpt_neox.final_layer_norm"]:
        p[n + ".weight"], p[n + ".bias"] = 1 + rng.normal(0, 0.2, C), rng.normal(0, 0.2, C)
    for i in range(L):
        for n, rows, columns in [
            ("attention.query_key_value", 3 * C, C),
            ("attention.dense", C, C),
            ("mlp.dense_h_to_4h", 4 * C, C),
            ("mlp.dense_4h_to_h", C, 4 * C),
        ]:
            p[f"gpt_neox.layers.{i}.{n}.weight"] = rng.normal(0, 1.2 / math.sqrt(columns), (rows, columns))
            p[f"gpt_neox.layers.{i}.{n}.bias"] = rng.normal(0, 0.3, rows)
    return {name: value.astype(np.float32).astype(np.float64) for name, value in p.items()}


# --- forward -------------------------------------------------------------------------------------------------------------------


def rotary_table(rope):
    """cos and sin [T, R], halves duplicated."""
    inverse = 1.0 / np.float64(CONFIG["rotary_emb_base"]) ** (np.arange(0, R, 2) / R)
    if rope == "fp16-angles":
        half = inverse.astype(np.float32).astype(np.float16)
        angle = (np.arange(T).astype(np.float16)[:, None] * half[None, :]).astype(np.float64)
        cos, sin = np.cos(angle).astype(np.float16), np.sin(angle).astype(np.float16)
    else:
        angle = np.arange(T)[:, None] * inverse[None, :]
        cos, sin = np.cos(angle), np.sin(angle)
    double = lambda half: np.concatenate([half, half], axis=1).astype(np.float64)
    return double(cos), double(sin)


def rotate_half(x):
    return np.concatenate([-x[..., R // 2 :], x[..., : R // 2]], axis=-1)


def unrotate_half(dy):
    return np.concatenate([dy[..., R // 2 :], -dy[..., : R // 2]], axis=-1)


def rotate(x, cos, sin):
    """x [B, H, T, D]"""
    front, rest = x[..., :R], x[..., R:]
    return np.concatenate([front * cos + rotate_half(front) * sin, rest], axis=-1)


def rotate_backward(dy, cos, sin):
    front, rest = dy[..., :R], dy[..., R:]
    return np.concatenate([front * cos + unrotate_half(front * sin), rest], axis=-1)


erf = np.vectorize(math.erf)


def gelu(x, form):
    if form == "tanh":
        return 0.5 * x * (1 + np.tanh(0.79788456 * x * (1 + 0.044715 * x * x)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_slope(x, form):
    if form == "tanh":
        t = np.tanh(0.79788456 * x * (1 + 0.044715 * x * x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.79788456 * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + erf(x / math.sqrt(2))) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + EPS)
    return centred * scale * weight + bias, (centred * scale, scale)


def norm_backward(dy, weight, kept):
    normal, scale = kept
    dn = dy * weight
    dx = scale * (dn - dn.mean(-1, keepdims=True) - normal * (dn * normal).mean(-1, keepdims=True))
    return dx, (dy * normal).sum((0, 1)), dy.sum((0, 1))


def heads(x):
    """[B, T, C] of one of q, k, v → [B, H, T, D]"""
    return x.reshape(B, T, H, D).transpose(0, 2, 1, 3)


def forward(p, rows, form, rope):
    """Loss, log-probability of each label [B, T], and what backward needs."""
    inputs, labels = rows[:, :-1], rows[:, 1:]
    cos, sin = rotary_table(rope)
    h = p["gpt_neox.embed_in.weight"][inputs]
    kept = []
    for i in range(L):
        at = f"gpt_neox.layers.{i}."
        k = {}
        a, k["ln1"] = norm(h, p[at + "input_layernorm.weight"], p[at + "input_layernorm.bias"])
        k["a"] = a
        qkv = a @ p[at + "attention.query_key_value.weight"].T + p[at + "attention.query_key_value.bias"]
        parts = qkv.reshape(B, T, H, 3, D)  # inside a head: q, k, v
        q, key, v = (parts[:, :, :, j].transpose(0, 2, 1, 3) for j in range(3))
        q, key = rotate(q, cos, sin), rotate(key, cos, sin)
        scores = q @ key.transpose(0, 1, 3, 2) / math.sqrt(D)
        scores = np.where(np.tril(np.ones((T, T), bool)), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(0, 2, 1, 3).reshape(B, T, C)
        k.update(q=q, key=key, v=v, weights=weights, mixed=mixed)
        attended = mixed @ p[at + "attention.dense.weight"].T + p[at + "attention.dense.bias"]
        m, k["ln2"] = norm(h, p[at + "post_attention_layernorm.weight"], p[at + "post_attention_layernorm.bias"])
        k["m"] = m
        k["wide"] = m @ p[at + "mlp.dense_h_to_4h.weight"].T + p[at + "mlp.dense_h_to_4h.bias"]
        k["active"] = gelu(k["wide"], form)
        h = h + attended + k["active"] @ p[at + "mlp.dense_4h_to_h.weight"].T + p[at + "mlp.dense_4h_to_h.bias"]
        kept.append(k)
    final, last = norm(h, p["gpt_neox.final_layer_norm.weight"], p["gpt_neox.final_layer_norm.bias"])
    logits = final @ p["embed_out.weight"].T
    top = logits.max(-1, keepdims=True)
    log_probs = logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, labels[..., None], -1)[..., 0]
    return -chosen.mean(), chosen, (kept, final, last, log_probs, cos, sin)


# --- backward ------------------------------------------------------------------------------------------------------------------


def backward(p, rows, form, rope):
    inputs, labels = rows[:, :-1], rows[:, 1:]
    loss, chosen, (kept, final, last, log_probs, cos, sin) = forward(p, rows, form, rope)
    g = {}

    def linear(name, x, dy):
        g[name + ".weight"] = np.einsum("bto,bti->oi", dy, x)
        g[name + ".bias"] = dy.sum((0, 1))
        return dy @ p[name + ".weight"]

    def layer_norm(name, dy, kept_norm):
        dx, g[name + ".weight"], g[name + ".bias"] = norm_backward(dy, p[name + ".weight"], kept_norm)
        return dx

    d_logits = np.exp(log_probs)
    np.put_along_axis(d_logits, labels[..., None], np.take_along_axis(d_logits, labels[..., None], -1) - 1, -1)
    d_logits /= B * T
    g["embed_out.weight"] = np.einsum("btv,btc->vc", d_logits, final)
    dh = layer_norm("gpt_neox.final_layer_norm", d_logits @ p["embed_out.weight"], last)
    for i in reversed(range(L)):
        at, k = f"gpt_neox.layers.{i}.", kept[i]
        d_active = linear(at + "mlp.dense_4h_to_h", k["active"], dh)
        d_m = linear(at + "mlp.dense_h_to_4h", k["m"], d_active * gelu_slope(k["wide"], form))
        d_mixed = heads(linear(at + "attention.dense", k["mixed"], dh))
        d_weights = d_mixed @ k["v"].transpose(0, 1, 3, 2)
        d_scores = k["weights"] * (d_weights - (d_weights * k["weights"]).sum(-1, keepdims=True)) / math.sqrt(D)
        d_q = rotate_backward(d_scores @ k["key"], cos, sin)
        d_key = rotate_backward(d_scores.transpose(0, 1, 3, 2) @ k["q"], cos, sin)
        d_v = k["weights"].transpose(0, 1, 3, 2) @ d_mixed
        d_parts = np.stack([x.transpose(0, 2, 1, 3) for x in (d_q, d_key, d_v)], axis=3)  # [B, T, H, 3, D]
        d_a = linear(at + "attention.query_key_value", k["a"], d_parts.reshape(B, T, 3 * C))
        dh = (
            dh
            + layer_norm(at + "input_layernorm", d_a, k["ln1"])
            + layer_norm(at + "post_attention_layernorm", d_m, k["ln2"])
        )
    d_embed = np.zeros((V, C))
    np.add.at(d_embed, inputs, dh)
    g["gpt_neox.embed_in.weight"] = d_embed
    return loss, g


def check_backward(p, rows, form, rope, rng):
    """Central differences at up to 24 places of each tensor."""
    _, g = backward(p, rows, form, rope)
    h, worst = 1e-5, 0.0
    for name, value in p.items():
        for place in rng.permutation(value.size)[:24]:
            old = value.flat[place]
            value.flat[place] = old + h
            above = forward(p, rows, form, rope)[0]
            value.flat[place] = old - h
            below = forward(p, rows, form, rope)[0]
            value.flat[place] = old
            worst = max(worst, abs((above - below) / (2 * h) - g[name].flat[place]))
    assert worst < 1e-9, worst  # the differences' own error: h² and 1e-16/h
    return worst


# --- training ------------------------------------------------------------------------------------------------------------------


def is_decayed(name):
    return not name.endswith(".bias") and "layernorm" not in name and "layer_norm" not in name


def train(p, batches):
    p = {name: value.copy() for name, value in p.items()}
    m = {name: np.zeros_like(value) for name, value in p.items()}
    v = {name: np.zeros_like(value) for name, value in p.items()}
    log = []
    for step, (rows, lr) in enumerate(zip(batches, LEARNING_RATES)):
        loss, g = backward(p, rows, "tanh", "fp16-angles")
        size = math.sqrt(sum((value**2).sum() for value in g.values()))
        scale = 1 / max(size / CLIP + 1e-6, 1)
        for name in p:
            grad = g[name] * scale
            m[name] = BETA1 * m[name] + (1 - BETA1) * grad
            v[name] = BETA2 * v[name] + (1 - BETA2) * grad**2
            u = (m[name] / (1 - BETA1 ** (step + 1))) / (np.sqrt(v[name] / (1 - BETA2 ** (step + 1))) + ADAM_EPS)
            if is_decayed(name):
                u = u + DECAY * p[name]
            p[name] = p[name] - lr * u
        log.append({"step": step, "learningRate": lr, "lossNats": loss, "gradientNorm": size})
    return p, m, v, log


# --- files ---------------------------------------------------------------------------------------------------------------------


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        raw = value.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def half_cases(rng):
    """Numbers whose nearest half is asked for: halves themselves, ties between neighbours and a hair off them, subnormals."""
    bits = np.concatenate([np.arange(0, 40), np.arange(1000, 1060), rng.integers(0, 0x7BFF, 300), [0x7BFE]])
    low = bits.astype(np.uint16).view(np.float16).astype(np.float64)
    high = (bits + 1).astype(np.uint16).view(np.float16).astype(np.float64)
    tie = (low + high) / 2
    beside = [np.nextafter(tie.astype(np.float32), np.float32(s)) for s in (-np.inf, np.inf)]
    x = np.concatenate([low, tie, *beside, rng.normal(0, 1, 100), rng.uniform(0, 2048, 100)]).astype(np.float32)
    x = np.concatenate([x, -x])
    return {"x": x, "half": x.astype(np.float16)}


def main(folder):
    rng = np.random.default_rng(20230403)
    p = random_model(rng)
    batches = rng.integers(0, V, (4, B, T + 1))
    batches[:, 0, 3:9] = batches[:, 1, 3:9]  # ids repeated within a micro-batch and across its rows
    switches = [(form, rope) for form in ("tanh", "erf") for rope in ("fp16-angles", "fp32-angles")]
    worst = max(check_backward(p, batches[0], form, rope, rng) for form, rope in switches)
    forwards = []
    for form, rope in switches:
        loss, chosen, _ = forward(p, batches[0], form, rope)
        forwards.append({"gelu": form, "rope": rope, "lossNats": loss, "logProbs": chosen.tolist()})
    after, m, v, log = train(p, batches)
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    golden = {"batches": batches.tolist(), "forward": forwards, "train": log}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    write_safetensors(folder / "model.safetensors", p)
    for form, rope in (("tanh", "fp16-angles"), ("erf", "fp32-angles")):
        write_safetensors(folder / f"gradients-{form}.safetensors", backward(p, batches[0], form, rope)[1])
    write_safetensors(folder / "weights-after.safetensors", after)
    moments = {**{f"exp_avg.{n}": x for n, x in m.items()}, **{f"exp_avg_sq.{n}": x for n, x in v.items()}}
    write_safetensors(folder / "moments-after.safetensors", moments)
    write_safetensors(folder / "half.safetensors", half_cases(rng))
    print(f"numpy {np.__version__}; worst difference from central differences {worst:.1e}")
    print([f"{entry['lossNats']:.6f} {entry['gradientNorm']:.4f}" for entry in log])


main(pathlib.Path(sys.argv[1]))
