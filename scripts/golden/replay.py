#!/usr/bin/env python3
"""Makes the golden files of test/fixtures/replay: token files and what training reads from them.

Written from the description of the format and of GPT-NeoX v1.0's packing, independently of src/data, and straightforward rather
than fast: every sample is cut out of the concatenated stream, and the order comes from numpy's own RandomState.

Self-describing data: every token of the stored stream equals its own position in it (modulo the type's range).

    python3 scripts/golden/replay.py test/fixtures/replay
"""

import hashlib
import json
import math
import pathlib
import struct
import sys

import numpy as np

CODES = {"uint8": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint16": 8}


def write(folder, name, lengths, dtype):
    modulus = min(np.iinfo(dtype).max + 1, 2**31)
    tokens = (np.arange(sum(lengths), dtype=np.int64) % modulus).astype(dtype)
    (folder / f"{name}.bin").write_bytes(tokens.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype("<i8") * np.dtype(dtype).itemsize
    with open(folder / f"{name}.idx", "wb") as out:
        out.write(b"MMIDIDX\x00\x00")
        out.write(struct.pack("<QBQQ", 1, CODES[dtype], len(lengths), len(lengths) + 1))
        out.write(np.asarray(lengths, dtype="<i4").tobytes())
        out.write(starts.tobytes())
        out.write(np.arange(len(lengths) + 1, dtype="<i8").tobytes())
    return tokens


def sha256(rows):
    return hashlib.sha256(np.ascontiguousarray(rows, dtype="<i4").tobytes()).hexdigest()


def documents(folder, name, lengths, dtype, seq_length, batch_size, train_steps, seed):
    tokens = write(folder, name, lengths, dtype)
    ends = np.cumsum(lengths)
    parts = [tokens[e - n : e] for n, e in zip(lengths, ends)]
    wanted = math.ceil(train_steps * batch_size * 1.005)
    epochs = 1
    while (epochs * len(tokens) - 1) // seq_length < wanted:
        epochs += 1
    random = np.random.RandomState(seed)
    order_of_documents = np.concatenate([np.arange(len(lengths), dtype=np.int32)] * epochs)
    random.shuffle(order_of_documents)
    stream = np.concatenate([parts[d] for d in order_of_documents]).astype(np.int64)
    samples = (len(stream) - 1) // seq_length
    order = np.arange(samples, dtype=np.uint32)
    random.shuffle(order)
    rows = np.stack([stream[s * seq_length : s * seq_length + seq_length + 1] for s in order])
    return {
        "description": {
            "layout": "documents",
            "seqLength": seq_length,
            "batchSize": batch_size,
            "trainSteps": train_steps,
            "seed": seed,
        },
        "dtype": dtype,
        "numEpochs": epochs,
        "numSamplesRequested": wanted,
        "documents": order_of_documents.tolist(),
        "order": order.tolist(),
        "sha256": [sha256(rows[k * batch_size : (k + 1) * batch_size]) for k in range(train_steps)],
        "firstRow": rows[0].tolist(),
    }


def preshuffled(folder, name, rows, dtype, seq_length, batch_size):
    tokens = write(folder, name, [seq_length + 1] * rows, dtype).astype(np.int64).reshape(rows, seq_length + 1)
    steps = rows // batch_size
    return {
        "description": {"layout": "preshuffled", "seqLength": seq_length, "batchSize": batch_size},
        "dtype": dtype,
        "sha256": [sha256(tokens[k * batch_size : (k + 1) * batch_size]) for k in range(steps)],
        "firstRow": tokens[0].tolist(),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    lengths = np.random.RandomState(7)
    golden = {"program": "scripts/golden/replay.py", "numpy": np.__version__}
    golden["datasets"] = {
        "epochs-uint16": documents(
            folder, "epochs-uint16", lengths.randint(1, 40, size=23).tolist(), "uint16", 16, 4, 40, 1234
        ),
        # Empty documents, documents of one token and of several samples.
        "uneven-int32": documents(folder, "uneven-int32", [1, 0, 90, 1, 1, 0, 33, 8, 9, 7, 250], "int32", 8, 3, 12, 99),
        "uneven-int64": documents(folder, "uneven-int64", [5, 1, 7, 3, 12, 2, 9, 4], "int64", 4, 2, 6, 0),
        "wrapping-uint8": documents(folder, "wrapping-uint8", [300] * 2 + [17], "uint8", 32, 2, 9, 2**32 - 1),
        "wrapping-int8": documents(folder, "wrapping-int8", [200, 61], "int8", 10, 2, 5, 3),
        "rows-uint16": preshuffled(folder, "rows-uint16", 22, "uint16", 12, 4),
        "rows-int16": preshuffled(folder, "rows-int16", 6, "int16", 5, 3),
    }
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


main()
