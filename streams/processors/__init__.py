"""The stream processors, one package each: what it is (light) beside what it does (heavy)."""
