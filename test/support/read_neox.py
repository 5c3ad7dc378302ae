"""Reads an export for GPT-NeoX as GPT-NeoX v1.0 does, with nothing but Python's standard library.

Written from the formats (MMIDIDX version 1, .npy version 1.0, torch.save's zip with a pickle) and from the rules of megatron/data/gpt2_dataset.py,
data_utils.py, blendable_dataset.py and samplers.py; it shares no code with the program. Prints one JSON object a step that the resumed run would make:
the step and the SHA-256 of the rows that it would read, as little-endian int32.

    python3 read_neox.py FOLDER NUM_GPUS
"""
import ast
import hashlib
import json
import math
import pickle
import struct
import sys
import zipfile
from array import array


def read_config(path):
    config = {}
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        key, value = line.split(": ", 1)
        config[json.loads(key)] = json.loads(value)
    return config


def read_npy(path):
    """Values and shape of an array of int32 or uint32."""
    with open(path, "rb") as file:
        assert file.read(8) == b"\x93NUMPY\x01\x00", path
        (length,) = struct.unpack("<H", file.read(2))
        header = ast.literal_eval(file.read(length).decode("latin1"))
        assert not header["fortran_order"], path
        values = array({"<i4": "i", "<u4": "I"}[header["descr"]])
        values.frombytes(file.read())
    assert len(values) == math.prod(header["shape"]), path
    return values, header["shape"]


class Tokens:
    """An indexed dataset: PREFIX.idx and PREFIX.bin."""

    TYPES = {1: "B", 2: "b", 3: "h", 4: "i", 5: "q", 8: "H"}

    def __init__(self, prefix):
        with open(prefix + ".idx", "rb") as file:
            assert file.read(9) == b"MMIDIDX\x00\x00"
            version, code, size, documents = struct.unpack("<QBQQ", file.read(25))
            assert version == 1
            self.sizes = struct.unpack(f"<{size}i", file.read(4 * size))
            self.pointers = struct.unpack(f"<{size}q", file.read(8 * size))
            boundaries = struct.unpack(f"<{documents}q", file.read(8 * documents))
            assert boundaries == tuple(range(size + 1)) and not file.read()
        self.code = self.TYPES[code]
        self.bin = open(prefix + ".bin", "rb")

    def get(self, document, offset=0, length=None):
        width = struct.calcsize(self.code)
        length = self.sizes[document] - offset if length is None else length
        assert 0 <= offset and offset + length <= self.sizes[document]
        self.bin.seek(self.pointers[document] + offset * width)
        return list(struct.unpack(f"<{length}{self.code}", self.bin.read(length * width)))


class Samples:
    """The training set behind `train_data_paths`: found index arrays, no new ones."""

    def __init__(self, folder, config):
        prefix = f"{folder}/{config['train_data_paths'][0]}"
        wanted = math.ceil(config["train_iters"] * config["train_batch_size"] * 1.0 * 1.005)
        stem = f"{prefix}_train_0_indexmap_{wanted}ns_{config['seq_length']}sl_{config['seed']}s"
        self.tokens = Tokens(prefix)
        self.documents, _ = read_npy(stem + "_doc_idx.npy")
        self.starts, shape = read_npy(stem + "_sample_idx.npy")
        self.order, _ = read_npy(stem + "_shuffle_idx.npy")
        assert shape[1] == 2
        self.length = min(len(self.order) - 1, shape[0] - 1)
        assert len(self.order) - 1 == shape[0] - 2  # GPT-NeoX warns otherwise

    def read(self, i):
        sample = self.order[i]
        first, offset = self.starts[2 * sample], self.starts[2 * sample + 1]
        last, end = self.starts[2 * sample + 2], self.starts[2 * sample + 3]
        if first == last:
            return self.tokens.get(self.documents[first], offset, end - offset + 1)
        tokens = self.tokens.get(self.documents[first], offset)
        for position in range(first + 1, last):
            tokens += self.tokens.get(self.documents[position])
        return tokens + self.tokens.get(self.documents[last], 0, end + 1)


class DynamicLossScaler:
    """Stands for DeepSpeed's: pickle makes one without calling its constructor and fills its fields."""


class Loader(pickle.Unpickler):
    """torch.load, as far as files of the test's own making need it: a tensor is its storage's bytes and its shape."""

    def __init__(self, archive):
        self.archive = archive
        self.stem = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[: -len("data.pkl")]
        super().__init__(archive.open(self.stem + "data.pkl"))

    def find_class(self, module, name):
        known = {
            ("torch", "FloatStorage"): "f",
            ("torch", "HalfStorage"): "e",
            ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, *_: (*storage, offset, shape),
            ("collections", "OrderedDict"): dict,
            ("deepspeed.runtime.fp16.loss_scaler", "DynamicLossScaler"): DynamicLossScaler,
        }
        return known[module, name]

    def persistent_load(self, identity):
        kind, code, key, _, count = identity
        assert kind == "storage"
        values = self.archive.read(f"{self.stem}data/{key}")
        assert len(values) == count * struct.calcsize(code)
        return code, values


def load(path):
    with zipfile.ZipFile(path) as archive:
        return Loader(archive).load()


def resumed_iteration(folder):
    """The step at which training goes on, once the parts of the checkpoint agree with each other."""
    tag = open(f"{folder}/checkpoint/latest", encoding="utf-8").read().strip()
    at = f"{folder}/checkpoint/{tag}"
    state = load(f"{at}/mp_rank_00_model_states.pt")
    assert state["global_steps"] == state["iteration"] and state["dp_world_size"] == 1
    optimizer = load(f"{at}/zero_pp_rank_0_mp_rank_00_optim_states.pt")["optimizer_state_dict"]
    assert optimizer["loss_scaler"].cur_scale == 4096 and optimizer["zero_stage"] == 1
    masters = [interval for (interval,) in optimizer["local_sub_partitions_of_fp32_groups"]]
    for (moments,), (_, _, _, shape) in zip(optimizer["base_optimizer_state"], masters, strict=True):
        assert moments["exp_avg"][3] == moments["exp_avg_sq"][3] == shape
    # The first of the decayed parameters is the embedding; the module computes with it in half precision.
    code, halves, _, _ = load(f"{at}/layer_00-model_00-model_states.pt")["word_embeddings.weight"]
    count = len(halves) // struct.calcsize(code)
    values = struct.unpack(f"<{count}f", masters[0][1][: 4 * count])
    assert code == "e" and struct.pack(f"<{count}e", *values) == halves
    return state["iteration"]


def main(folder, num_gpus):
    config = read_config(f"{folder}/config.yml")
    samples = Samples(folder, config)
    iteration = resumed_iteration(folder)
    a_batch = config["train_micro_batch_size_per_gpu"] * (num_gpus // config["model_parallel_size"])
    accumulation, rest = divmod(config["train_batch_size"], a_batch)
    assert rest == 0 and accumulation > 0
    num_batches = samples.length // a_batch  # drop_last
    start = (iteration * accumulation) % num_batches
    for step in range(iteration, config["train_iters"]):
        rows = []
        for _ in range(accumulation):
            assert start < num_batches, "the sampler is at its end"
            for i in range(start * a_batch, (start + 1) * a_batch):  # rank after rank: contiguous parts
                row = samples.read(i)
                assert len(row) == config["seq_length"] + 1, (step, i, len(row))
                rows += row
            start += 1
        digest = hashlib.sha256(struct.pack(f"<{len(rows)}i", *rows)).hexdigest()
        print(json.dumps({"step": step, "sha256": digest}))


main(sys.argv[1], int(sys.argv[2]))
