"""Operations: what people do to a whole deployment, by hand or on a schedule.

Owns seeding and diagnosing. Does not own the command line (`cli/` calls these), nor indexes (`schema/`).
"""

from docstore.operations.doctor import Check, describe_settings, diagnose
from docstore.operations.findings import Finding, Verdict
from docstore.operations.seed import SeedProgress, SeedReport, seed

__all__ = ["Check", "Finding", "SeedProgress", "SeedReport", "Verdict", "describe_settings", "diagnose", "seed"]
