"""What a table's export must be, said by psql."""


def columns(postgres, table):
    return postgres.execute("SELECT column_name, data_type FROM information_schema.columns"
                            f" WHERE table_schema = 'public' AND table_name = '{table}'"
                            " ORDER BY ordinal_position")


def spelled(name, data_type, is_json):
    """The select list's item that makes PostgreSQL spell a value as Sluice does (DESIGN 6)."""
    quoted = f'"{name}"'
    if data_type == "timestamp with time zone":
        return f"replace(replace({quoted}::text, ' ', 'T'), '+00', 'Z') AS {quoted}"
    if data_type == "timestamp without time zone":
        return f"replace({quoted}::text, ' ', 'T') AS {quoted}"
    if data_type == "boolean" and not is_json:
        return f"{quoted}::text AS {quoted}"
    if data_type == "ARRAY" and not is_json:
        return f"to_json({quoted}) AS {quoted}"
    return quoted


def select(postgres, table, is_json, names=None):
    items = [spelled(name, data_type, is_json) for name, data_type in columns(postgres, table)
             if names is None or name in names]
    return f"SELECT {', '.join(items)} FROM public.{table}"


def csv(postgres, table, names=None):
    """For tables whose text has no line breaks outside of JSON: RFC 4180 ends lines with CR LF."""
    query = select(postgres, table, False, names)
    return postgres.psql("-c", f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)").replace(b"\n", b"\r\n")


def ndjson(postgres, table, names=None):
    query = select(postgres, table, True, names)
    return postgres.psql("-A", "-t", "-c", f"SELECT row_to_json(r) FROM ({query}) AS r")
