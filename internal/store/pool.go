package store

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	defaultConns = 8           // connections of one store
	pingAfter    = time.Second // an idle connection older than this is checked before it is lent
	closeWithin  = 2 * time.Second
)

// pool lends connections, at most a fixed number at once, and opens them as they are needed. It is what pgxpool does,
// cut down to what the store asks of it.
type pool struct {
	config *pgx.ConnConfig
	slots  chan struct{} // one per connection that may be lent
	idle   chan lent     // open ones that nobody uses
	once   sync.Once
	closed chan struct{}
}

type lent struct {
	conn *pgx.Conn
	used time.Time
}

func newPool(config *pgx.ConnConfig, conns int) *pool {
	return &pool{config: config, slots: make(chan struct{}, conns), idle: make(chan lent, conns),
		closed: make(chan struct{})}
}

// with lends a connection to fn. A connection that broke, or that fn left inside a transaction, is not lent again. Error:
// net.ErrClosed after close.
func (p *pool) with(ctx context.Context, fn func(*pgx.Conn) error) error {
	select {
	case <-p.closed:
		return net.ErrClosed
	default:
	}
	select {
	case <-p.closed:
		return net.ErrClosed
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	conn, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.giveBack(conn)
	return fn(conn)
}

func (p *pool) take(ctx context.Context) (*pgx.Conn, error) {
	for {
		select {
		case l := <-p.idle:
			if !l.conn.IsClosed() && (time.Since(l.used) < pingAfter || l.conn.Ping(ctx) == nil) {
				return l.conn, nil
			}
			shut(l.conn)
		default:
			return pgx.ConnectConfig(ctx, p.config)
		}
	}
}

func (p *pool) giveBack(conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() != 'I' {
		shut(conn)
		return
	}
	select {
	case p.idle <- lent{conn, time.Now()}:
	default:
		shut(conn)
	}
}

// close waits until every lent connection is back, then closes all. The pool lends nothing afterwards.
func (p *pool) close() {
	p.once.Do(func() {
		close(p.closed)
		for range cap(p.slots) {
			p.slots <- struct{}{}
		}
		p.drain()
	})
}

// drain closes the connections that nobody uses.
func (p *pool) drain() {
	for {
		select {
		case l := <-p.idle:
			shut(l.conn)
		default:
			return
		}
	}
}

func shut(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	_ = conn.Close(ctx)
}
