// Package ddl reads migrations: files of SQL statements for SQLite or
// PostgreSQL. It understands the statements that change tables, keeps their
// places, and replays them on tables in memory, so that what a file does can
// be judged without a database.
package ddl
