"""The ONNX file of a model of texts: standard operators, written by hand, since only few of its columns are ever not 0.

It takes those columns, and how often the term of each occurs (`models.serving.seat`), gathers their weights, and
multiplies those: what one text costs follows from its length, not from how many terms there are. Weights are whole
numbers of eight bits in the file; onnxruntime works out once, when the file is loaded, what they stand for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from models.decisions.onnx_export import OPSETS, OUTPUT
from models.decisions.texts.model import LEAST, TextModel

IR_VERSION = 9
_TINY = 1e-6  # the least length of a row, for one without any term


def graph_of(model: TextModel) -> bytes:
    """int64[found] and float32[n, found] in, float32[n, labels] out."""
    labels = model.weights.shape[1]
    constants = {
        "weights": model.weights,
        "rarity": model.rarity,
        "scale": model.scale,
        "bias": model.bias,
        "axis": np.array([1], np.int64),
        "tiny": np.array(_TINY, np.float32),
        "least": np.array(LEAST, np.float32),
        "most": np.array(1 - LEAST, np.float32),
        "whole": np.array(1, np.float32),
        "slope": np.array(model.line[0], np.float32),
        "intercept": np.array(model.line[1], np.float32),
    }
    taken = [("columns", TensorProto.INT64, [None]), ("counts", TensorProto.FLOAT, [None, None])]
    graph = helper.make_graph(
        _nodes(),
        "texts",
        [helper.make_tensor_value_info(*each) for each in taken],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, labels])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[""])], ir_version=IR_VERSION)
    checker.check_model(made)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _nodes() -> list[Any]:
    node = helper.make_node
    return [
        node("Cast", ["weights"], ["numbers"], to=TensorProto.FLOAT),
        node("Mul", ["numbers", "scale"], ["scaled"]),
        node("Gather", ["rarity", "columns"], ["rare"], axis=0),
        node("Mul", ["counts", "rare"], ["values"]),
        node("ReduceL2", ["values", "axis"], ["length"], keepdims=1),
        node("Max", ["length", "tiny"], ["some"]),
        node("Div", ["values", "some"], ["even"]),
        node("Gather", ["scaled", "columns"], ["taken"], axis=0),
        node("Gemm", ["even", "taken", "bias"], ["odds"]),
        node("Softmax", ["odds"], ["soft"], axis=1),
        node("Clip", ["soft", "least", "most"], ["kept"]),
        node("Sub", ["whole", "kept"], ["left"]),
        node("Div", ["kept", "left"], ["ratio"]),
        node("Log", ["ratio"], ["log"]),
        node("Mul", ["log", "slope"], ["tilted"]),
        node("Add", ["tilted", "intercept"], ["moved"]),
        node("Sigmoid", ["moved"], [OUTPUT]),
    ]
