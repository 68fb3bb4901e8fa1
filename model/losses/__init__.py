"""What training minimises: flow matching, identity, and identity contrast against a bank."""
