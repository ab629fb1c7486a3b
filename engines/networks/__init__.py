"""The networks as torch modules of named tensors, written so that they export: what engines are built from."""
