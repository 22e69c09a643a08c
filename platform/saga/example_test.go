package saga_test

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/pulselearn/campus-hub/platform/database/sqlite"
	"github.com/pulselearn/campus-hub/platform/event"
	"github.com/pulselearn/campus-hub/platform/saga"
	"github.com/pulselearn/campus-hub/platform/tx"
)

// A payment begins an instance; the course refuses, so the payment goes back.
// Squads do not write this: pl-gen makes it from the contract.
func Example() {
	refund := &saga.Call{
		Procedure:  "/pl.payment.v1.PaymentService/RequestRefund",
		NewRequest: func() proto.Message { return new(emptypb.Empty) },
		Request: func(_ context.Context, _ proto.Message, cause *saga.Failure) (proto.Message, error) {
			fmt.Println("refund because", cause)
			return new(emptypb.Empty), nil
		},
		Do: func(_ context.Context, _ string, req proto.Message) (proto.Message, error) { return req, nil },
	}
	activate := &saga.Call{
		Procedure:  "/pl.course.v1.CourseService/ActivateAccess",
		NewRequest: func() proto.Message { return new(emptypb.Empty) },
		Request: func(context.Context, proto.Message, *saga.Failure) (proto.Message, error) {
			return new(emptypb.Empty), nil
		},
		Do: func(context.Context, string, proto.Message) (proto.Message, error) {
			return nil, connect.NewError(connect.CodeFailedPrecondition, "the course is full")
		},
	}
	enroll := saga.Definition{
		Name: "Enroll", Context: "notes", Start: on(captured), Deadline: time.Hour,
		NewState:   func() proto.Message { return new(structpb.Struct) },
		Steps:      []saga.Step{{Name: "activate_access", Call: activate}},
		Compensate: refund,
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	db, err := sqlite.Open(ctx, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if err := db.Migrate(ctx, nil); err != nil {
		fmt.Println(err)
		return
	}
	consumers := saga.Consumers(enroll)
	store := tx.NewStore(db, tx.Service{Context: "notes", Consumers: consumers})
	ended := make(ending)
	engine, err := saga.New(saga.Config{DB: db, Store: store, Definitions: []saga.Definition{enroll}, Hooks: []any{ended}})
	if err != nil {
		fmt.Println(err)
		return
	}

	// A router does this when the event arrives.
	_, _, err = store.Command(ctx, tx.Command{Method: "deliver"}, func(ctx context.Context, t *tx.Tx) ([]byte, error) {
		var e event.Message = &note{typ: captured, key: "payment 7"}
		return nil, consumers[0].Handle(ctx, t, e)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stopped := make(chan error)
	go func() { stopped <- engine.Run(ctx) }()
	fmt.Println(<-ended)
	cancel()
	<-stopped

	// Output:
	// refund because step activate_access failed with failed_precondition: the course is full
	// compensated
}

// ending waits for the end of an instance.
type ending chan string

func (e ending) Moved(_ string, entry *saga.Entry) {
	if entry.Step == "" && entry.What != "began" && entry.What != "compensating" {
		e <- entry.What
	}
}
