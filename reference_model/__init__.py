"""The depth-recurrent trainer and evaluator that reproduces claimed scores, legal by construction."""
