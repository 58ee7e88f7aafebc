"""The auditor's own configuration: never the audited party's."""
