"""May a model take the champion's place: rules over scores, licences and provenance, the same on every replay."""
