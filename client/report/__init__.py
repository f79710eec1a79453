"""A report for support: what is wrong here, without saying whose computer it is, and without a secret."""

from client.report.collect import collect
from client.report.document import report_text
from client.report.write import write_report

__all__ = ["collect", "report_text", "write_report"]
