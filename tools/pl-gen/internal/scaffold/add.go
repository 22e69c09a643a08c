package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"github.com/pulselearn/campus-hub/tools/pl-gen/internal/model"
)

// An addition changes a context's contracts in memory.
type addition struct {
	repository *repository
	model      *model.Model
	context    *model.Context
	proto      *protoFile
	name       string
	how        consumption // of a consumer
}

// add adds one thing to a context.
func (env Env) add(ctx context.Context, kind, contextName, name string, how consumption) error {
	check := map[string]func(string) error{"event": checkEvent, "rpc": checkRPC, "entity": checkEntity, "consumer": checkTopic}[kind]
	if err := errors.Join(checkContext(contextName), check(name)); err != nil {
		return UsageError{err}
	}
	r, m, err := env.open()
	if err != nil {
		return err
	}
	a, err := begin(r, m, contextName, name)
	if err != nil {
		return err
	}
	a.how = how
	if err := map[string]func() error{"event": a.event, "rpc": a.rpc, "entity": a.entity, "consumer": a.consumer}[kind](); err != nil {
		return fmt.Errorf("add %s %s to %s: %w; nothing was written", kind, name, contextName, err)
	}
	r.put(a.context.Service.File, a.proto.bytes())
	return env.finish(ctx, r, contextName)
}

func begin(r *repository, m *model.Model, contextName, name string) (*addition, error) {
	i := slices.IndexFunc(m.Contexts, func(c *model.Context) bool { return c.Name == contextName })
	if i < 0 || m.Contexts[i].Service == nil {
		return nil, fmt.Errorf("there is no context %s; \"pl-gen new %s\" makes it", contextName, contextName)
	}
	c := m.Contexts[i]
	text, err := fs.ReadFile(r, c.Service.File)
	if err != nil {
		return nil, err
	}
	proto, err := parseProto(c.Service.File, text)
	return &addition{repository: r, model: m, context: c, proto: proto, name: name}, err
}

func (a *addition) entities() []string {
	var names []string
	for _, e := range a.context.Entities {
		names = append(names, e.Name)
	}
	return names
}

func (a *addition) event() error {
	topic := topicOf(a.context.Name, a.name)
	if err := a.repository.add(avroPath(a.context.Name, a.name), avsc(a.context.Name, a.name, firstOf(a.entities()))); err != nil {
		return err
	}
	return a.proto.wire(a.context.Service.Name, "publishes", strconv.Quote(topic))
}

func (a *addition) consumer() error {
	for _, k := range a.context.Consumes {
		if k.Event.Topic == a.name {
			return fmt.Errorf("it is consumed already, by %s", k.Handler)
		}
	}
	if err := knownTopics(a.model, []string{a.name}); err != nil {
		return err
	}
	return a.proto.wire(a.context.Service.Name, "consumes", a.how.option(a.name))
}

func (a *addition) rpc() error {
	for _, m := range a.context.Service.Methods {
		if m.Name == a.name {
			return errors.New("it is already there")
		}
	}
	for _, message := range []string{a.name + "Request", a.name + "Response"} {
		if a.proto.declares(message) {
			return fmt.Errorf("%s is already declared", message)
		}
	}
	a.proto.message(messagesText(a.name, a.entities()))
	return a.proto.rpc(a.context.Service.Name, rpcText(a.name, a.entities()))
}

func (a *addition) entity() error {
	if a.proto.declares(a.name) {
		return fmt.Errorf("%s is already declared", a.name)
	}
	a.proto.importFile(timestampProto)
	a.proto.message(entityText(a.name))
	return nil
}
