package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
)

// goose speaks database/sql. This is the little of a driver that it needs, over plain pgx connections; nothing else in
// the store uses it.

func openSQL(config *pgx.ConnConfig) *sql.DB { return sql.OpenDB(sqlConnector{config}) }

type sqlConnector struct{ config *pgx.ConnConfig }

func (c sqlConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c.config)
	if err != nil {
		return nil, err
	}
	return &sqlConn{conn}, nil
}

func (sqlConnector) Driver() driver.Driver { return sqlDriver{} }

var errSQL = errors.New("not offered by the migrations' driver")

type sqlDriver struct{}

func (sqlDriver) Open(string) (driver.Conn, error) { return nil, errSQL }

type sqlConn struct{ conn *pgx.Conn }

func (c *sqlConn) Prepare(string) (driver.Stmt, error) { return nil, errSQL }
func (c *sqlConn) Begin() (driver.Tx, error)           { return nil, errSQL }
func (c *sqlConn) Close() error                        { shut(c.conn); return nil }

func (c *sqlConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return sqlTx{ctx, tx}, nil
}

func (c *sqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	tag, err := c.conn.Exec(ctx, query, plain(args)...)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

func (c *sqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.conn.Query(ctx, query, plain(args)...)
	if err != nil {
		return nil, err
	}
	return &sqlRows{rows}, nil
}

func plain(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

type sqlTx struct {
	ctx context.Context //nolint:containedctx // database/sql gives Commit none
	tx  pgx.Tx
}

func (t sqlTx) Commit() error   { return t.tx.Commit(t.ctx) }
func (t sqlTx) Rollback() error { return t.tx.Rollback(t.ctx) }

type sqlRows struct{ rows pgx.Rows }

func (r *sqlRows) Close() error { r.rows.Close(); return nil }

func (r *sqlRows) Columns() []string {
	var out []string
	for _, f := range r.rows.FieldDescriptions() {
		out = append(out, f.Name)
	}
	return out
}

func (r *sqlRows) Next(dest []driver.Value) error {
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return io.EOF
	}
	values, err := r.rows.Values()
	if err != nil {
		return err
	}
	for i, v := range values {
		if n, ok := v.(int32); ok { // database/sql knows int64 only
			v = int64(n)
		}
		dest[i] = v
	}
	return nil
}
