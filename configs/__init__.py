"""YAML files: surrogate hyperparameters, experiments, proxy searches."""
