"""Benchmarks: docstore beside Beanie, MongoEngine, ODMantic and plain PyMongo, on one machine in one run.

Owns what is measured and how it is told. Needs the extra `embedded`; contenders that are not installed are left out,
with the reason. Run it with ``python -m benchmarks``.
"""
