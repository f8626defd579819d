"""The AI Decision Layer: trained models, and the proof that they may act alone.

serving/    what a processor loads: `registry` → `card` → `predict` (features, ONNX, explanation), `certify`
making/     what makes a model ready to be put into force: a card for somebody's file, checks, certificates
decisions/  how a model is made: one package a decision, with its data, its training and its card
registry/   the models at hand, `<name>/<version>/`, and `active.toml`, which says which version decides
"""
