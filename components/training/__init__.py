"""The train step: train the identity adapter on a frozen base."""
