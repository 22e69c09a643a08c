package rpc

// PublicError lets tests see what a caller gets for err.
func PublicError(c *Core, err error) error { return c.publicError("/test.v1.Notes/Add", err) }
