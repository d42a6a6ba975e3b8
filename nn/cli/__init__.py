"""The command line, behind ``nn/__main__.py``: what ``python -m nn`` is told, what it does and what it leaves.

Read `options` first, what it understands; then `job`, the training; `predictor`, the network that can be used on new
data, and by ``python -m nn predict``; and `gallery`, the drawings.
"""
