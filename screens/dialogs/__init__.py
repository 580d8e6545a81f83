"""Pages over a step: questions, secrets, all answers as text, a run that was interrupted."""
