"""A training step by graphs: `step` builds and sweeps the graph of a batch, and has the worker that does so for `fit`.

It also says what any worker does, such as that of `nn.replay`.
"""
