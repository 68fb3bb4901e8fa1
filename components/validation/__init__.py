"""The validate step: prove the dataset good, or stop."""
