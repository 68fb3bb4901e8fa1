"""The evaluate step: score the model on people it has never seen."""
