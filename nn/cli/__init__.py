"""The command line, behind ``nn/__main__.py``: what ``python -m nn`` does and what it leaves.

Read `job` first, the training and what it writes, drawings included; then `predictor`, the network that can be used on
new data, and by ``python -m nn predict``. `ctrl_c` is there before all else is loaded.
"""
