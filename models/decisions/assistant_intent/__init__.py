"""Assistant intent: from what people ask an assistant (CLINC150) to a certified model that knows what it is not for."""
