"""Models of others for tests, and the cases that they are for: `python -m tests.support.foreign` makes the files anew.

The cases are made up and drawn from a seed, so only the models are committed. Making them needs the extra `train`,
lightgbm, xgboost and onnxmltools; nothing else here does.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "unit" / "models" / "foreign"
NUMBERS = ("income", "debts", "age_of_account")
TOPICS = {
    "card": ["my", "card", "was", "lost", "stolen", "blocked", "swallowed", "by", "the", "machine", "pin", "card"],
    "transfer": ["the", "transfer", "money", "sent", "abroad", "did", "not", "arrive", "account", "number", "wrong"],
    "login": ["cannot", "log", "in", "password", "forgotten", "code", "phone", "app", "login"],
}
WORDS = tuple(sorted({word for words in TOPICS.values() for word in words}))
OTHER = ["please", "help", "me", "with", "this", "today", "thanks", "hello"]


def loans(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Cases with two outcomes: `bad` is 1 for a loan that was not paid back; most are clear."""
    drawn = random.Random(seed)
    for _ in range(count):
        income, debts, age = drawn.randint(10, 90), drawn.randint(0, 60), drawn.randint(0, 20)
        odds = 0.25 * debts - 0.2 * income - 0.2 * age + 3
        yield {"income": income, "debts": debts, "age_of_account": age, "bad": int(drawn.random() < _share(odds))}


def levels(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """The same with three outcomes, in `level`."""
    for case in loans(seed, count):
        room = case["income"] - case["debts"]
        yield {**case, "level": "high" if room < 0 else "middle" if room < 35 else "low"}


def claims(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Cases with a number, in `cost`."""
    drawn = random.Random(seed)
    for case in loans(seed, count):
        yield {**case, "cost": round(40 * case["debts"] + 5 * case["income"] + drawn.gauss(0, 30), 2)}


def questions(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Texts, with what they are about in `topic`."""
    drawn = random.Random(seed)
    for _ in range(count):
        topic = drawn.choice(sorted(TOPICS))
        words = [drawn.choice(TOPICS[topic]) for _ in range(drawn.randint(2, 6))]
        words += [drawn.choice(OTHER) for _ in range(drawn.randint(0, 4))]
        drawn.shuffle(words)
        yield {"question": " ".join(words).capitalize() + "?", "topic": topic}


def write(path: Path, cases: Iterator[dict[str, Any]], columns: Sequence[str] = ()) -> Path:
    """A CSV file of the cases, with some of their columns."""
    listed = list(cases)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns or list(listed[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(listed)
    return path


def _share(odds: float) -> float:
    return 1 / (1 + math.exp(-odds))


def _make() -> None:
    import lightgbm
    import numpy as np
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from models.serving.terms import words_of

    def table(cases: Sequence[dict[str, Any]]) -> Any:
        return np.array([[case[name] for name in NUMBERS] for case in cases], dtype=np.float32)

    def keep(name: str, model: Any) -> None:
        (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))

    known, opsets = list(loans(1, 3_000)), {"": 18, "ai.onnx.ml": 3}
    rows, bad = table(known), np.array([case["bad"] for case in known])
    wide = [("features", FloatTensorType([None, len(NUMBERS)]))]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, bad)
    keep("zipmap", to_onnx(pipeline, initial_types=wide, target_opset=opsets))
    three = np.array([case["level"] for case in levels(1, 3_000)])
    trees = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=8, verbose=-1).fit(rows, three)
    floats = [("input", Floats([None, len(NUMBERS)]))]
    keep("lightgbm", onnxmltools.convert_lightgbm(trees, initial_types=floats, target_opset=15, zipmap=False))
    boosted = xgboost.XGBClassifier(n_estimators=20, max_depth=3).fit(rows, bad)
    keep("xgboost", onnxmltools.convert_xgboost(boosted, initial_types=floats, target_opset=15))
    cost = np.array([case["cost"] for case in claims(1, 3_000)])
    keep("regression", to_onnx(LinearRegression().fit(rows, cost), initial_types=wide, target_opset=opsets))
    asked = list(questions(1, 2_000))
    counted = np.array([[words_of(case["question"]).count(w) for w in WORDS] for case in asked], dtype=np.float32)
    text = make_pipeline(TfidfTransformer(), LogisticRegression()).fit(counted, [case["topic"] for case in asked])
    kind = [("words", FloatTensorType([None, len(WORDS)]))]
    keep("text", to_onnx(text, initial_types=kind, target_opset=opsets, options={"zipmap": False}))


if __name__ == "__main__":
    _make()
