"""The centre's database: tables, migrations, transactions. Knows nothing of services or web."""
