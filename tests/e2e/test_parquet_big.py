"""A column of more than 2^31 bytes, as Parquet in many row groups."""

import pytest

from harness.client import curl
from harness.duckdb import DuckDB

ROWS, TIMES = 2_200_000, 32  # of 32 bytes of MD5


@pytest.mark.slow
def test_a_column_of_more_than_two_gigabytes(fleet, postgres, token, tmp_path):
    postgres.execute(f"CREATE VIEW public.big_column AS SELECT i AS id, repeat(md5(i::text), {TIMES}) AS t"
                     f" FROM (SELECT generate_series(1, {ROWS}) AS i) AS made_one_by_one;"
                     "GRANT SELECT ON public.big_column TO sluice")
    site = fleet.start(settings={"tables": {"big": {"name": "public.big_column"}}}, workers=(1, 1))
    path = tmp_path / "big.parquet"
    answer = curl(f"{site.url}/api/v1/tables/big/rows.parquet?codec=snappy", token, seconds=300)
    assert (answer.exit, answer.status) == (0, 200)
    path.write_bytes(answer.body)
    fleet.stop(site, may_die=False)
    duckdb = DuckDB(str(tmp_path))
    totals, chunks, last = duckdb.ask(
        f"SELECT count(*), sum(length(t)), sum(id), count(DISTINCT t) FROM '{path}'",
        f"SELECT sum(total_uncompressed_size) > 2::BIGINT ** 31, count(*) > 10 FROM parquet_metadata('{path}') WHERE path_in_schema = 't'",
        f"SELECT t = repeat(md5('{ROWS}'), {TIMES}) FROM '{path}' WHERE id = {ROWS}")
    assert totals == [[str(ROWS), str(ROWS * TIMES * 32), str(ROWS * (ROWS + 1) // 2), str(ROWS)]]
    assert chunks == [["true", "true"]] and last == [["true"]]
    postgres.execute("DROP VIEW public.big_column")
