"""What each phase of an operation consists of: steps out of the answers, the keys and the nodes' facts. Pure.

One module per few phases. The order is not here: an operation (`kinstall.operations`) lists its own phases.
"""
