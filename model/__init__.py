"""Words and law, pure: identities, colours, reasons, records, rules, decisions. Imports nothing but types."""
