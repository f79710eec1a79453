"""Coverage-guided fuzzing with atheris: docs/fuzzing.md."""
