"""The ONNX file of a model of texts: standard operators, written by hand, since only few of its columns are ever not 0.

A row has a column for each term, nearly all of them 0. So the graph takes the columns that are not, gathers their
weights, and multiplies those: what one text costs follows from its length, not from how many terms there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from models.decisions.onnx_export import OPSETS, OUTPUT
from models.decisions.texts.model import LEAST, TextModel

IR_VERSION = 9
_TINY = 1e-12  # under the root of a row without any term


def graph_of(model: TextModel) -> bytes:
    """float32[n, terms] in, float32[n, labels] out."""
    terms, labels = model.weights.shape
    constants = {
        "weights": model.weights,
        "rarity": model.rarity,
        "scale": model.scale,
        "bias": model.bias,
        "first": np.array(0, np.int64),
        "second": np.array(1, np.int64),
        "column": np.array([1], np.int64),
        "tiny": np.array(_TINY, np.float32),
        "least": np.array(LEAST, np.float32),
        "most": np.array(1 - LEAST, np.float32),
        "whole": np.array(1, np.float32),
        "slope": np.array(model.line[0], np.float32),
        "intercept": np.array(model.line[1], np.float32),
    }
    graph = helper.make_graph(
        _nodes(),
        "texts",
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, [None, terms])],
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
        node("NonZero", ["row"], ["places"]),  # [2, found]
        node("Gather", ["places", "first"], ["rows"], axis=0),
        node("Gather", ["places", "second"], ["columns"], axis=0),
        node("Transpose", ["places"], ["each"], perm=[1, 0]),
        node("GatherND", ["row", "each"], ["counts"]),
        node("Gather", ["rarity", "columns"], ["rare"], axis=0),
        node("Mul", ["counts", "rare"], ["values"]),
        node("Shape", ["row"], ["shape"]),
        node("Gather", ["shape", "first"], ["number"], axis=0),
        node("Range", ["first", "number", "second"], ["numbers"]),
        node("Unsqueeze", ["numbers", "column"], ["upright"]),
        node("Equal", ["upright", "rows"], ["own"]),  # [n, found]: whose value it is
        node("Cast", ["own"], ["one"], to=TensorProto.FLOAT),
        node("Mul", ["one", "values"], ["spread"]),
        node("Gather", ["weights", "columns"], ["small"], axis=0),
        node("Cast", ["small"], ["taken"], to=TensorProto.FLOAT),
        node("MatMul", ["spread", "taken"], ["sums"]),
        node("ReduceSumSquare", ["spread", "column"], ["squares"], keepdims=1),
        node("Add", ["squares", "tiny"], ["some"]),
        node("Sqrt", ["some"], ["length"]),
        node("Div", ["sums", "length"], ["even"]),
        node("Mul", ["even", "scale"], ["scaled"]),
        node("Add", ["scaled", "bias"], ["odds"]),
        node("Softmax", ["odds"], ["soft"], axis=1),
        node("Clip", ["soft", "least", "most"], ["kept"]),
        node("Sub", ["whole", "kept"], ["left"]),
        node("Div", ["kept", "left"], ["ratio"]),
        node("Log", ["ratio"], ["log"]),
        node("Mul", ["log", "slope"], ["tilted"]),
        node("Add", ["tilted", "intercept"], ["moved"]),
        node("Sigmoid", ["moved"], [OUTPUT]),
    ]
