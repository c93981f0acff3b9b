"""Turn PyTorch models into ONNX bundles, and prove that nothing was lost."""
