"""How the frozen base of the nano preset was made: autoencoder, then backbone, on photos of the virtual cast."""
