#!/usr/bin/env python3
"""Makes test/fixtures/tokenizer: a small byte-level BPE in Hugging Face's format and what their own program encodes with it.

    pip install tokenizers==0.23.2 && python3 scripts/golden/tokenizer.py test/fixtures/tokenizer
"""

import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TRAINING = [
    "The doctor said that she would see the patient when he was ready, and the nurse said he'd wait for her.",
    "They weren't sure whether it's his, hers or theirs; I'll ask. We've asked 12 times in 1999 and 2024!",
    "Caf\u00e9, na\u00efve, \u4e2d\u6587, \u0440\u0443\u0441\u0441\u043a\u0438\u0439, \u0663\u0664, \u00bd \u2014 \u201cquoted\u201d.",
    "    indented\n\tcode()  {\n  return herself;\n}\n\n",
]

PARTS = [
    " ", "  ", "   ", " " * 7, "\n", "\t", "\r\n", "he", "she", "She", "HER", " him", " his", "herself", "'s", "'S", "'ll", "'", "caf\u00e9",
    "cafe\u0301", "\u0301", "12", "\u0663", "\u00bd", ".", ",", "...", "\u2014", "\u0085", "\ufeff", "\u00a0", "\u200b", "\u3000", "\u2028",
    "\U0001f600", "\u4e2d\u6587", "\u1100\u1161", "\uac01", "<|end|>", "<|end", "<|pad|>", "\x00", "\x1c", "\u212b", "_", "x",
]


def build():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=380,
        show_progress=False,
        special_tokens=["<|end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TRAINING * 3, trainer)
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in (6, 4, 3, 2)] + [AddedToken("\u212bx", normalized=True)])
    return tokenizer


def main():
    folder = pathlib.Path(sys.argv[1])
    tokenizer = build()
    tokenizer.save(str(folder / "tokenizer.json"))
    random.seed(20)
    texts = TRAINING + ["".join(random.choices(PARTS, k=random.randint(0, 14))) for _ in range(400)]
    cases = [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]
    decoded = [tokenizer.decode(ids, skip_special_tokens=False) for _, ids in cases]
    golden = {"program": f"tokenizers {tokenizers.__version__}", "cases": cases, "decoded": decoded}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")


main()
