"""The decisions that models take, one package each: its data, its training, its card."""
