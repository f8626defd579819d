"""Learned models, not data models: what a `decide` step asks where rules cannot tell.

registry/ name → active version; a version is a folder: model.onnx and card.toml card.py the model card: inputs,
thresholds, reference profile, measurements; everything that serving believes about a model onnx_file.py what a
model file may contain, checked before any library parses it features.py a JSON object → one row of numbers; the
same function for training and for serving predict.py a loaded model: row → score → route explain.py why:
contributions that add up to the score minus the score of a named reference profile certify.py what a held-out test
proves about the error of a model's automatic route german_credit.py the public data set that the credit risk model
is trained on, as applications train/ scripts that make the folders of the registry (extra `train`)
"""
