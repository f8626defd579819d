"""What decisions about texts share: data, a linear model of terms, its ONNX file and its card."""
