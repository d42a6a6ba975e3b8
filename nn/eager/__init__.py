"""A training step by graphs: `step` builds and sweeps the graph of a batch, `worker` does so for `nn.fit`.

`worker` also says what any worker does, such as that of `nn.replay`.
"""
