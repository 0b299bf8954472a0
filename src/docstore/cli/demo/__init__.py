"""`docstore demo`: the whole way of a post, a review and a deletion, live, and held against independent counts.

`command.py` opens servers and runs the steps; `steps/` are the story; `ledger.py` keeps what was expected and found;
`observing.py` looks at the servers past the library; `narration.py` tells it.
"""
