package client

import (
	"context"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/remote"
)

// API is direct access to the registry's servers: one method is one call, tried on up to Config.Attempts servers, with
// no cache between. It needs no running client: without one it asks DNS itself. It shares the choice of servers with its Client and is safe for
// concurrent use.
//
// An error is one of three: a *heureka.StatusError is a server's answer, of which errors.Is(err, heureka.ErrNotFound)
// tells that an instance is not there; a *FailoverError says that no server gave an answer that counts; else ErrNoServers.
type API struct {
	write, query *session
}

// Register stores in. Keeping it registered needs heartbeats; Client.Register does all of that.
func (a *API) Register(ctx context.Context, in *heureka.Instance) error {
	return a.write.do(ctx, "register", onRegister, func(ctx context.Context, c *remote.Conn) error {
		return c.Register(ctx, in)
	})
}

// Renew sends a heartbeat. dirty is the instance's LastDirtyMS. heureka.ErrNotFound asks for a registration.
func (a *API) Renew(ctx context.Context, key heureka.Key, s heureka.Status, dirtyMS int64) error {
	return a.write.do(ctx, "renew", onHeartbeat, func(ctx context.Context, c *remote.Conn) error {
		return c.Renew(ctx, key, remote.Renewal{Status: s, DirtyMS: dirtyMS})
	})
}

// Cancel removes an instance. Any answer ends it (C-FO-4); heureka.ErrNotFound says that there was none.
func (a *API) Cancel(ctx context.Context, key heureka.Key) error {
	return a.write.do(ctx, "cancel", onCancel, func(ctx context.Context, c *remote.Conn) error {
		return c.Cancel(ctx, key)
	})
}

// SetOverride sets an override, which outranks what the instance says of itself until ClearOverride: this is how an instance
// is taken out of service from outside. An instance announces its own status with Registration.SetStatus instead (C-HC-5).
// No dirty timestamp is sent: one from this machine's clock could outdate the instance's next registrations (W-REG-9).
func (a *API) SetOverride(ctx context.Context, key heureka.Key, s heureka.Status) error {
	return a.write.do(ctx, "set status", onInstance, func(ctx context.Context, c *remote.Conn) error {
		return c.SetOverride(ctx, key, s, 0)
	})
}

// ClearOverride removes an override. The instance is shown as s until it registers again, which StatusUnknown makes it do
// with its next heartbeat (W-STAT-9).
func (a *API) ClearOverride(ctx context.Context, key heureka.Key, s heureka.Status) error {
	return a.write.do(ctx, "clear status", onInstance, func(ctx context.Context, c *remote.Conn) error {
		return c.ClearOverride(ctx, key, s, 0)
	})
}

// SetMetadata adds or replaces metadata on the servers, until the instance registers again (W-META-4).
func (a *API) SetMetadata(ctx context.Context, key heureka.Key, set map[string]string) error {
	return a.write.do(ctx, "set metadata", onInstance, func(ctx context.Context, c *remote.Conn) error {
		return c.SetMetadata(ctx, key, heureka.NewMetadata(set))
	})
}

// Applications fetches the whole registry, with the given remote regions.
func (a *API) Applications(ctx context.Context, regions ...string) (*heureka.Applications, error) {
	q := remote.Query{Regions: regions}
	return ask(ctx, a, "fetch", onSuccess, func(ctx context.Context, c *remote.Conn) (*heureka.Applications, error) {
		return applications(c.Apps(ctx, q))
	})
}

// Delta fetches what changed in the last minutes. Its Hash is that of the whole registry.
func (a *API) Delta(ctx context.Context, regions ...string) (*heureka.Applications, error) {
	q := remote.Query{Regions: regions}
	return ask(ctx, a, "fetch delta", onSuccess, func(ctx context.Context, c *remote.Conn) (*heureka.Applications, error) {
		return applications(c.Delta(ctx, q))
	})
}

// VIP fetches the instances of any status with this VIP address. The server compares it exactly (W-VIP-3).
func (a *API) VIP(ctx context.Context, vip string) (*heureka.Applications, error) {
	return ask(ctx, a, "fetch VIP", onSuccess, func(ctx context.Context, c *remote.Conn) (*heureka.Applications, error) {
		return applications(c.VIP(ctx, vip, remote.Query{}))
	})
}

// SecureVIP fetches the instances of any status with this secure VIP address.
func (a *API) SecureVIP(ctx context.Context, vip string) (*heureka.Applications, error) {
	return ask(ctx, a, "fetch secure VIP", onSuccess, func(ctx context.Context, c *remote.Conn) (*heureka.Applications, error) {
		return applications(c.SVIP(ctx, vip, remote.Query{}))
	})
}

// Application fetches the instances of one application.
func (a *API) Application(ctx context.Context, app string) (*heureka.Application, error) {
	return ask(ctx, a, "fetch application", onInstance, func(ctx context.Context, c *remote.Conn) (*heureka.Application, error) {
		return c.Application(ctx, heureka.AppName(app))
	})
}

// Instance fetches one instance as a server has it now.
func (a *API) Instance(ctx context.Context, key heureka.Key) (*heureka.Instance, error) {
	return ask(ctx, a, "fetch instance", onInstance, func(ctx context.Context, c *remote.Conn) (*heureka.Instance, error) {
		return c.Instance(ctx, key)
	})
}

// InstanceByID fetches the instance with this id, of whatever application.
func (a *API) InstanceByID(ctx context.Context, id string) (*heureka.Instance, error) {
	return ask(ctx, a, "fetch instance", onInstance, func(ctx context.Context, c *remote.Conn) (*heureka.Instance, error) {
		return c.InstanceByID(ctx, id)
	})
}

func applications(doc *remote.Document, err error) (*heureka.Applications, error) {
	if err != nil {
		return nil, err
	}
	return doc.Apps, nil
}

func ask[T any](ctx context.Context, a *API, op string, judge func(error) verdict, f func(context.Context, *remote.Conn) (T, error)) (T, error) {
	var answer T
	err := a.query.do(ctx, op, judge, func(ctx context.Context, c *remote.Conn) (err error) {
		answer, err = f(ctx, c)
		return err
	})
	return answer, err
}
